"""Putting a swapped model on a device."""

from __future__ import annotations

from typing import Any

from torch import nn

from symbiote_core.errors import DeviceError, NothingReplacedError
from symbiote_core.fallback import STAY_AFTER
from symbiote_core.module.modes import MODES
from symbiote_core.module.recovery import Mode
from symbiote_core.module.ttnn_module import TTNNModule
from symbiote_core.runtime import activate, open_device, runtime_of
from symbiote_core.swap.record import swap_of


def swapped_modules(model: nn.Module) -> list[TTNNModule]:
    """The swapped modules of ``model`` (or ``model`` itself), each once.

    Raises:
        NothingReplacedError: if there is none.
    """
    found = [m for m in model.modules() if isinstance(m, TTNNModule)]
    if not found:
        raise NothingReplacedError(
            f"This {type(model).__name__} has no swapped module. Swap it first with "
            "accelerate(model) or register_module_replacement_dict(model, {...})."
        )
    return found


def set_device(model: nn.Module, device: Any) -> None:
    """Choose the device of every swapped module and make its runtime the active one.

    Weights are converted and moved at the first call, or by ``move_weights_to_device()``.

    Args:
        model: a swapped model, or one swapped module.
        device: an open device of any installed runtime, or a device string for `open_device`.

    Raises:
        DeviceError: for None, or for what is no device.
        NothingReplacedError: if nothing in the model is swapped.
    """
    if device is None:
        raise DeviceError(
            "set_device(model, None): a device is needed. Use open_device('auto'), "
            "open_device('emulator') or ttnn.open_device(device_id=0). To take a model off its "
            "device use restore(model)."
        )
    modules = swapped_modules(model)
    opened = open_device(device) if isinstance(device, str) else device
    runtime = runtime_of(opened)
    activate(runtime)
    for module in modules:
        module.set_device(opened, runtime)
    swap = swap_of(model)
    if swap is not None:
        named = isinstance(device, str) and device != "auto"
        swap.device_name = device if named else runtime.name


def set_run_mode(model: nn.Module, mode: str | Mode) -> None:
    """Choose what happens around the kernels of a swapped model.

    Args:
        model: a swapped model, or one swapped module.
        mode: ``normal``; ``torch`` (every swapped module runs its torch layer); ``timed`` (adds up
            wall time a module); ``compare`` (runs torch beside the kernel and keeps PCC and
            relative RMS error). `report` shows what they found. Or a function of your own,
            ``mode(module, forward, args, kwargs)``, which usually calls
            `symbiote_core.module.modes.normal` at some point.

    Raises:
        ValueError: for an unknown mode.
    """
    if isinstance(mode, str) and mode not in MODES:
        raise ValueError(f"There is no run mode {mode!r}. Modes are: {', '.join(MODES)}.")
    chosen = MODES[mode] if isinstance(mode, str) else mode
    for module in swapped_modules(model):
        if module.covers_children:
            module._symbiote.mode = chosen


def reset_fallbacks(model: nn.Module) -> None:
    """Forget what failed: modules that stay on torch try the device again; counters are zero."""
    for module in swapped_modules(model):
        state = module._symbiote
        if any(count >= STAY_AFTER for count in state.failures.values()):
            state.mode = MODES["normal"]
        state.failures.clear()
        state.calls = type(state.calls)()
        state.activity.clear()
