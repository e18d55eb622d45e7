"""The records of the runtimes on the real TTNN; cheap to make, nothing imported."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from symbiote_core import Runtime, RuntimeSpec

WHEEL_PYTHONS = ((3, 10), (3, 12))
"""The CPython versions that TTNN publishes wheels for (Linux x86-64; ttnn 0.81)."""

_CHIPS = Path("/dev/tenstorrent")
"""Where the kernel driver of Tenstorrent puts one device file a chip."""


def wheel_missing() -> str | None:
    """Why ``ttnn`` can't be imported, and what to do; None if it can be found."""
    if importlib.util.find_spec("ttnn") is not None:
        return None
    here = sys.version_info[:2]
    linux = sys.platform == "linux" and platform.machine() == "x86_64"
    if linux and here in WHEEL_PYTHONS:
        return "the package ttnn is not installed; run `pip install ttnn`"
    wanted = " or ".join(f"{a}.{b}" for a, b in WHEEL_PYTHONS)
    return (
        f"there is no ttnn wheel for Python {here[0]}.{here[1]} on {sys.platform} "
        f"{platform.machine()}; use Python {wanted} on Linux x86-64, or the emulator"
    )


def chips() -> Sequence[str]:
    """Device strings of the chips of this machine; a simulator counts as one."""
    if os.environ.get("TT_METAL_SIMULATOR"):
        return ["ttnn:0"]
    if not _CHIPS.is_dir():
        return []
    return [
        f"ttnn:{number}"
        for number in sorted(int(f.name) for f in _CHIPS.iterdir() if f.name.isdigit())
    ]


def _load_native() -> Runtime:
    from symbiote_ttnn.runtimes.native import NativeRuntime

    return NativeRuntime()


def _load_mock() -> Runtime:
    from symbiote_ttnn.runtimes.mock import MockRuntime

    return MockRuntime()


def native_spec() -> RuntimeSpec:
    """Chips, through the ``ttnn`` wheel."""
    return RuntimeSpec(
        name="native",
        scheme="ttnn",
        examples=("ttnn:0",),
        load=_load_native,
        unavailable=wheel_missing,
        chips=chips,
        device_module="ttnn",
    )


def mock_spec() -> RuntimeSpec:
    """A chip that validates, allocates and builds programs, and computes nothing."""
    return RuntimeSpec(
        name="mock",
        scheme="mock",
        examples=("mock:wormhole_b0", "mock:blackhole", "mock:wormhole_b0:1x2"),
        load=_load_mock,
        unavailable=wheel_missing,
        chips=list,
        device_module="ttnn",
    )
