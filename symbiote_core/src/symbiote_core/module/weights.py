"""The life of a module's weights: TORCH → HOST → DEVICE and back.

The functions here are the state machine; the ``*_impl`` methods of the module are the author's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from symbiote_core.errors import DeviceNotSetError, LifecycleError
from symbiote_core.module.released import torch_values
from symbiote_core.module.state import Sources, WeightState
from symbiote_core.runtime.active import ACTIVE, active_runtime, use_runtime

if TYPE_CHECKING:
    from symbiote_core.module.ttnn_module import TTNNModule


def _map(module: TTNNModule, function: Callable[[Any], Any], value: Any) -> Any:
    """Apply ``function`` to the TTNN tensors in an attribute: alone, or in a list or dict."""
    if _is_tensor(module, value):
        return function(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_map(module, function, item) for item in value)
    if isinstance(value, dict):
        return {key: _map(module, function, item) for key, item in value.items()}
    return value


def _holds_tensors(module: TTNNModule, value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_tensors(module, item) for item in value)
    if isinstance(value, dict):
        return any(_holds_tensors(module, item) for item in value.values())
    return _is_tensor(module, value)


def _is_tensor(module: TTNNModule, value: Any) -> bool:
    runtime = module._symbiote.runtime or ACTIVE.runtime
    return runtime is not None and runtime.is_tensor(value)


def _runtime(module: TTNNModule) -> Any:
    return module._symbiote.runtime or active_runtime()


def tensor_attributes(module: TTNNModule) -> Iterator[str]:
    """Names of the module's attributes that hold TTNN tensors."""
    for name, value in vars(module).items():
        if name != "_symbiote" and _holds_tensors(module, value):
            yield name


def _in_own_runtime(module: TTNNModule, step: Callable[[], Any]) -> None:
    runtime = module._symbiote.runtime
    if runtime is None or runtime is ACTIVE.runtime:
        step()
        return
    with use_runtime(runtime):
        step()


def preprocess(module: TTNNModule) -> None:
    """TORCH → HOST: convert the weights; nothing happens in the other states."""
    if module._symbiote.released is None:
        _convert(module)
        return
    with torch_values(module):
        _convert(module)
    # What the weights came from is gone again; what stands there now tells if it is replaced.
    module._symbiote.sources = Sources.of(module.torch_layer)


def _convert(module: TTNNModule) -> None:
    for part in module.ttnn_parts():
        preprocess(part)
    state = module._symbiote
    if state.weights is not WeightState.TORCH:
        return
    before = {name: id(value) for name, value in vars(module).items()}
    _in_own_runtime(module, module.preprocess_weights_impl)
    state.weight_names = tuple(
        name for name in tensor_attributes(module) if before.get(name) != id(vars(module)[name])
    )
    layer = module.torch_layer
    looks_after = module.covers_children and not state.is_part
    state.sources = Sources.of(layer) if layer is not None and looks_after else Sources()
    state.stale = False
    state.converted_by = ACTIVE.runtime if state.runtime is None else state.runtime
    state.weights = WeightState.HOST


def to_device(module: TTNNModule) -> None:
    """Up to DEVICE, converting first where needed."""
    state = module._symbiote
    if state.device is None:
        raise DeviceNotSetError(state.path, type(module).__name__)
    if state.weights is WeightState.TORCH:
        preprocess(module)
    for part in module.ttnn_parts():
        to_device(part)
    if state.weights is WeightState.HOST:
        _in_own_runtime(module, module.move_weights_to_device_impl)
        state.weights = WeightState.DEVICE


def to_host(module: TTNNModule) -> None:
    """DEVICE → HOST; nothing happens in the other states."""
    for part in module.ttnn_parts():
        to_host(part)
    state = module._symbiote
    if state.weights is WeightState.DEVICE:
        _in_own_runtime(module, module.move_weights_to_host_impl)
        state.weights = WeightState.HOST


def deallocate(module: TTNNModule) -> None:
    """Back to TORCH from any state: free what is on the device and forget what was converted."""
    for part in module.ttnn_parts():
        deallocate(part)
    state = module._symbiote
    if state.weights is WeightState.DEVICE:
        _in_own_runtime(module, module.deallocate_weights_impl)
    state.host_copies.clear()
    for name in state.weight_names:
        vars(module).pop(name, None)
    state.weight_names = ()
    state.weights = WeightState.TORCH


def release(module: TTNNModule) -> None:
    """Free the device memory after a forward, keeping converted host copies where there are any."""
    for part in module.ttnn_parts():
        release(part)
    state = module._symbiote
    if state.weights is not WeightState.DEVICE:
        return
    if state.host_copies:
        to_host(module)
    else:
        deallocate(module)


def prepare(module: TTNNModule) -> None:
    """As far as weights are kept between calls: to DEVICE, or HOST if each call frees them."""
    if module._symbiote.frees:
        preprocess(module)
    else:
        to_device(module)


def ensure_ready(module: TTNNModule) -> None:
    """Bring the weights to the device, converting them again if torch's changed."""
    state = module._symbiote
    if state.weights is not WeightState.TORCH and state.is_stale():
        deallocate(module)
    to_device(module)


# -- what the base class does when the author wrote no *_impl of their own -------------------------


def default_to_device(module: TTNNModule) -> None:
    """Move every tensor that ``preprocess_weights_impl`` made."""
    state, runtime = module._symbiote, _runtime(module)
    for name in state.weight_names:
        value = vars(module).get(name)
        if state.frees:
            state.host_copies[name] = value
        vars(module)[name] = _map(module, lambda t: runtime.to_device(t, state.device), value)


def default_to_host(module: TTNNModule) -> None:
    """Put the host copies back where they were kept, else download; free the device tensors."""
    state, runtime = module._symbiote, _runtime(module)
    for name in state.weight_names:
        value = vars(module)[name]
        kept = state.host_copies.pop(name, None)
        vars(module)[name] = _map(module, runtime.to_host, value) if kept is None else kept
        _map(module, runtime.deallocate, value)


def default_deallocate(module: TTNNModule) -> None:
    """Free every tensor that ``preprocess_weights_impl`` made."""
    runtime = _runtime(module)
    for name in module._symbiote.weight_names:
        _map(module, runtime.deallocate, vars(module).get(name))


def require_torch_layer(module: TTNNModule) -> Any:
    """The torch layer, or an error that says how to set it."""
    layer = module.torch_layer
    if layer is None:
        raise LifecycleError(
            f"{type(module).__name__} has no torch layer. Build it with "
            f"{type(module).__name__}.from_torch(layer), or set _fallback_torch_layer in its "
            "from_torch."
        )
    return layer
