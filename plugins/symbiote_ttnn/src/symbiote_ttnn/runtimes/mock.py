"""The mock chip: TTNN's own validation, allocator and program factories; values are zeros."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import tempfile
from pathlib import Path
from typing import Any

from symbiote_core import DeviceError
from symbiote_ttnn.runtimes.cluster import BOARDS, descriptor
from symbiote_ttnn.runtimes.native import NativeRuntime, ttnn_sentence
from symbiote_ttnn.runtimes.stub import write_stand_in

_STAMP = "ttnn-version"
_LINKS = ("tt_metal", "ttnn", "runtime/hw")


def mock_folder() -> Path:
    """The folder of the mock's runtime root, kernel cache and logs, one for each ttnn version.

    It is not the cache of real hardware: null kernels there would be run as real ones.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "symbiote" / "mock-ttnn" / importlib.metadata.version("ttnn")


def prepare_folder(folder: Path) -> None:
    """Fill the mock's folder: links into the wheel, the stand-in compiler; safe to repeat.

    Raises:
        DeviceError: if the folder belongs to another version of ttnn or can't be written.
    """
    version = importlib.metadata.version("ttnn")
    spec = importlib.util.find_spec("ttnn")
    assert spec is not None
    assert spec.submodule_search_locations
    wheel = Path(spec.submodule_search_locations[0]).resolve()
    stamp = folder / _STAMP
    if stamp.is_file() and stamp.read_text() != version:
        raise DeviceError(
            f"The mock's folder {folder} belongs to ttnn {stamp.read_text()}; {version} is "
            "installed. Delete the folder."
        )
    try:
        for name in _LINKS:
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            if link.is_symlink() and link.resolve() != wheel / name:
                link.unlink()
            if not link.is_symlink():
                link.symlink_to(wheel / name)
        (folder / "runtime/sfpi/include").mkdir(parents=True, exist_ok=True)
        write_stand_in(folder / "runtime/sfpi/compiler/bin")
        stamp.write_text(version)
    except OSError as error:
        raise DeviceError(
            f"The mock's folder {folder} can't be written: {error}. Set XDG_CACHE_HOME to a folder "
            "that can."
        ) from error


class MockRuntime(NativeRuntime):
    """TTNN on a chip that does not exist.

    The architecture is fixed for the life of the process by the first device that is opened.
    """

    name = "mock"

    def __init__(self) -> None:
        # Quiet by default: TTNN logs every program it builds. Set before its first use.
        os.environ.setdefault("TT_LOGGER_LEVEL", "off")
        os.environ.setdefault("LOGURU_LEVEL", "ERROR")
        os.environ.setdefault("TT_METAL_DISABLE_BACKTRACE", "1")
        self._shape = ""
        super().__init__()

    def open(self, name: str) -> Any:
        """Open ``mock:wormhole_b0`` or ``mock:blackhole``.

        Raises:
            DeviceError: for an unknown architecture, or if another one is open in this process.
        """
        arch = name.partition(":")[2]
        if arch not in BOARDS:
            known = ", ".join(repr(f"mock:{a}") for a in BOARDS)
            raise DeviceError(f"There is no mock device {name!r}. Known are: {known}.")
        self._settle(arch)
        try:
            return self.ttnn.open_device(device_id=0)
        except Exception as error:  # TTNN raises RuntimeError and its own kinds
            raise DeviceError(f"TTNN could not open {name!r}: {ttnn_sentence(error)}.") from error

    def _settle(self, arch: str) -> None:
        if self._shape and self._shape != arch:
            raise DeviceError(
                f"This process has a mock {self._shape}; TTNN can't change to {arch}. Use one "
                "process for each architecture."
            )
        if self._shape:
            return
        if os.environ.get("TT_METAL_CACHE") and not os.environ.get(
            "TT_METAL_MOCK_CLUSTER_DESC_PATH"
        ):
            raise DeviceError(
                "TT_METAL_CACHE is set: the mock must not share a kernel cache with real hardware. "
                "Unset it for processes that use a mock chip."
            )
        folder = mock_folder()
        prepare_folder(folder)
        logs = Path(tempfile.gettempdir()) / "symbiote-mock-logs"
        file = folder / f"{arch}.yaml"
        file.write_text(descriptor(arch))
        os.environ["TT_METAL_RUNTIME_ROOT"] = str(folder)
        os.environ["TT_METAL_CACHE"] = str(folder / "kernels")
        os.environ["TT_METAL_LOGS_PATH"] = str(logs)
        os.environ["TT_METAL_MOCK_CLUSTER_DESC_PATH"] = str(file)
        self._shape = arch
