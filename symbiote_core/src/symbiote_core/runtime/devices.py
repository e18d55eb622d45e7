"""Opening devices by name and finding the runtime of an open one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from symbiote_core.errors import DeviceError, origin_of
from symbiote_core.runtime.active import activate
from symbiote_core.runtime.protocol import Runtime, RuntimeSpec

logger = logging.getLogger("symbiote.runtime")

_Answer = TypeVar("_Answer")

_loaded: dict[str, Runtime] = {}


def _specs() -> Sequence[RuntimeSpec]:
    from symbiote_core.plugins import plugin_manager

    return plugin_manager().registry.runtimes


def _ask(spec: RuntimeSpec, what: str, question: Callable[[], _Answer]) -> _Answer:
    """Call a plugin's function; an error of its own is told with the plugin's name."""
    try:
        return question()
    except DeviceError:
        raise
    except Exception as error:  # whatever the plugin's code raises
        raise DeviceError(
            f"The runtime {spec.name!r} ({origin_of(spec.plugin)}) failed in {what}: "
            f"{type(error).__name__}: {error}. Mend it, or leave its plugin out with "
            "SYMBIOTE_PLUGINS."
        ) from error


def _load(spec: RuntimeSpec) -> Runtime:
    reason = _ask(spec, "unavailable", spec.unavailable)
    if reason is not None:
        raise DeviceError(f"The runtime {spec.name!r} can't be used here: {reason}")
    if spec.name not in _loaded:
        _loaded[spec.name] = _ask(spec, "load", spec.load)
    return _loaded[spec.name]


def _chips(spec: RuntimeSpec) -> Sequence[str]:
    """The chips of a runtime that can be used here."""
    if _ask(spec, "unavailable", spec.unavailable):
        return ()
    return _ask(spec, "chips", spec.chips)


def _known() -> str:
    specs = _specs()
    if not specs:
        return "No runtime is installed: pip install symbiote-emulator."
    return (
        "Known device strings: "
        + ", ".join(["'auto'"] + [repr(e) for s in specs for e in s.examples])
        + "."
    )


def runtime_named(name: str) -> Runtime:
    """The runtime called ``name``, loaded at its first use.

    Raises:
        DeviceError: if there is none of that name, or it can't be used on this machine.
    """
    for spec in _specs():
        if spec.name == name:
            return _load(spec)
    names = ", ".join(spec.name for spec in _specs()) or "none"
    raise DeviceError(
        f"There is no runtime {name!r}. Installed runtimes: {names}. "
        "pip install symbiote-emulator brings the default one."
    )


def open_device(name: str = "auto") -> Any:
    """Open a device and make its runtime the active one, so that ``ttnn`` works on it.

    Args:
        name: ``"auto"`` takes a chip if there is one and else the emulator, and logs which at
            INFO; ``"emulator"``, ``"mock:wormhole_b0"``, ``"ttnn:0"`` … name one.

    Returns:
        The runtime's own device object, as kernels and `set_device` take it. Close it with
        `close_device`.

    Raises:
        DeviceError: for a string that no runtime knows, or a device that can't be opened.
    """
    if not isinstance(name, str):
        raise DeviceError(f"open_device takes a device string, got {name!r}. {_known()}")
    if name == "auto":
        name = next((chip for spec in _specs() for chip in _chips(spec)), "emulator")
        logger.info("open_device('auto') chose %r", name)
    scheme = name.partition(":")[0]
    for spec in _specs():
        if spec.scheme == scheme:
            runtime = _load(spec)
            device = runtime.open(name)
            activate(runtime)
            return device
    raise DeviceError(f"No runtime knows the device {name!r}. {_known()}")


def close_device(device: Any) -> None:
    """Close a device that `open_device` or ``ttnn.open_device`` opened."""
    runtime_of(device).close(device)


def runtime_of(device: Any) -> Runtime:
    """The runtime that an open device belongs to.

    Raises:
        DeviceError: if no runtime knows devices of this class.
    """
    module = type(device).__module__.partition(".")[0]
    fitting = [spec for spec in _specs() if spec.device_module == module]
    for spec in sorted(fitting, key=lambda s: s.name not in _loaded):
        runtime = _load(spec)
        if runtime.owns(device):
            return runtime
    raise DeviceError(
        f"{device!r} of type {type(device).__name__} is no device of an installed runtime. "
        f"Open one with open_device(...). {_known()}"
    )
