"""Run modes: what happens around a kernel's ``forward``.

A mode is a function ``mode(module, forward, args, kwargs)`` that a module holds; it is chosen once
(`set_run_mode`), so that what costs is paid only by who asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from symbiote_core.errors import DeviceNotSetError
from symbiote_core.metrics import pcc, relative_rms
from symbiote_core.module import weights
from symbiote_core.module.hooks import active_hook
from symbiote_core.module.recovery import Args, Kwargs, Mode, Refused, on_torch, recover
from symbiote_core.module.shapes import MAX_SHAPES, shape_mismatch
from symbiote_core.module.state import WeightState
from symbiote_core.runtime.active import ACTIVE, use_runtime
from symbiote_core.structure import leaves, map_leaves
from symbiote_core.tensor.wrapper import TorchTTNNTensor, wrap

if TYPE_CHECKING:
    from symbiote_core.module.ttnn_module import TTNNModule


def normal(module: TTNNModule, forward: Callable[..., Any], args: Args, kwargs: Kwargs) -> Any:
    """Run on the device; on torch, visibly, if that fails. Raises instead if strict."""
    # A kernel's own parts, and kernel authors, call with device tensors: no wrapping, no recovery.
    for arg in args:
        if isinstance(arg, torch.Tensor):
            break
    else:
        if not kwargs or not any(isinstance(v, torch.Tensor) for v in kwargs.values()):
            return _device_call(module, forward, args, kwargs)

    state = module._symbiote
    runtime = state.runtime
    if runtime is None:
        raise DeviceNotSetError(state.path, type(module).__name__)
    if runtime is not ACTIVE.runtime:
        with use_runtime(runtime):
            return normal(module, forward, args, kwargs)
    try:
        if module.training:
            raise Refused("needs_grad", "the module is in training mode; call model.eval()")
        if state.is_hooked() or not module.returns_everything:
            _check_child_hooks(module)
        if state.weights is not WeightState.DEVICE or state.is_stale():
            weights.ensure_ready(module)
        dtype: torch.dtype | None = None
        device_args = []
        shapes = []
        for index, arg in enumerate(args):
            if type(arg) is TorchTTNNTensor:
                shapes.append(arg.shape)
                if dtype is None:
                    dtype = arg.dtype
                device_args.append(arg.to_ttnn)
            elif isinstance(arg, torch.Tensor):
                shapes.append(arg.shape)
                if dtype is None and arg.is_floating_point():
                    dtype = arg.dtype
                device_args.append(_upload(module, arg, index))
            else:
                device_args.append(arg)
        if kwargs:
            device_kwargs = dict(kwargs)
            for key, arg in kwargs.items():
                if isinstance(arg, torch.Tensor):
                    shapes.append(arg.shape)
                    if dtype is None and arg.is_floating_point():
                        dtype = arg.dtype
                    if isinstance(arg, TorchTTNNTensor):
                        device_kwargs[key] = arg.to_ttnn
                    else:
                        device_kwargs[key] = _upload(module, arg, key)
            out = forward(module, *device_args, **device_kwargs)
        else:
            out = forward(module, *device_args)
        known = tuple(shapes)
        if known not in state.checked_shapes:
            _check_shapes(module, known, args, kwargs, out)
    except Exception as error:  # anything a kernel raises: torch has the answer
        return recover(module, forward, args, kwargs, error, normal)
    state.calls.calls += 1
    dtype = dtype or state.dtype
    if isinstance(out, runtime.tensor_type):
        for arg, given in zip(args, device_args, strict=True):
            if given is out and type(arg) is TorchTTNNTensor:
                return arg  # as nn.Identity returns its very input
        return wrap(out, dtype, runtime, state.device, state.activity)
    return _wrap_all(module, dtype, out)


def _device_call(
    module: TTNNModule, forward: Callable[..., Any], args: Args, kwargs: Kwargs
) -> Any:
    """A call with device tensors only: what comes out stays on the device, errors go up."""
    state = module._symbiote
    # A part's weights are looked after by the whole, but for those that it frees itself.
    if state.weights is not WeightState.DEVICE or (not state.is_part and state.is_stale()):
        weights.ensure_ready(module)
    return forward(module, *args, **kwargs)


def over_children(
    module: TTNNModule, forward: Callable[..., Any], args: Args, kwargs: Kwargs
) -> Any:
    """The only mode of a kernel over swapped modules: its ``forward``, or torch's.

    Neither runs anything on torch that the modules in it do not run there themselves, visibly.
    """
    out = NotImplemented if module.training else forward(module, *args, **kwargs)
    if out is NotImplemented:
        return weights.require_torch_layer(module).forward(*args, **kwargs)
    module._symbiote.calls.calls += 1
    return out


def _wrap_all(module: TTNNModule, dtype: torch.dtype, out: Any) -> Any:
    state = module._symbiote
    runtime = state.runtime
    assert runtime is not None

    def wrap_leaf(leaf: Any) -> Any:
        if runtime.is_tensor(leaf):
            return wrap(leaf, dtype, runtime, state.device, state.activity)
        return leaf

    return map_leaves(wrap_leaf, out)


def _upload(module: TTNNModule, tensor: torch.Tensor, position: int | str) -> Any:
    if tensor.requires_grad and torch.is_grad_enabled():
        raise Refused(
            "needs_grad", "an input requires a gradient; run under torch.no_grad() for the device"
        )
    if tensor.dtype in (torch.float64, torch.complex64, torch.complex128):
        raise Refused(
            "unsupported_dtype",
            f"TTNN has no {str(tensor.dtype).removeprefix('torch.')}; convert the model and its "
            "inputs with .float() to run on the device",
        )
    if tensor.numel() == 0:
        raise Refused("empty_input", f"the input of shape {list(tensor.shape)} is empty")
    if isinstance(tensor, TorchTTNNTensor):
        return tensor.to_ttnn
    return module.upload_input(tensor, position)


def _check_child_hooks(module: TTNNModule) -> None:
    watched = module._symbiote.children
    if not module.returns_everything:
        watched = (("", module), *watched)
    for name, child in watched:
        if child._forward_hooks or child._forward_pre_hooks or "forward" in child.__dict__:
            why = active_hook(child)
            if why is not None:
                where = f"its child {name!r}" if name else "it"
                raise Refused("hooked_child", f"{why} on {where} would miss what torch computes")


def _check_shapes(
    module: TTNNModule, shapes: tuple[Any, ...], args: Args, kwargs: Kwargs, out: Any
) -> None:
    wrong = shape_mismatch(module, args, kwargs, out)
    if wrong is not None:
        raise Refused("wrong_shape", wrong)
    checked = module._symbiote.checked_shapes
    if len(checked) >= MAX_SHAPES:
        checked.clear()
    checked.add(shapes)


# -- opt-in modes ----------------------------------------------------------------------------------


def timed(module: TTNNModule, forward: Callable[..., Any], args: Args, kwargs: Kwargs) -> Any:
    """As normal, adding up the wall time of each module's calls."""
    start = time.perf_counter()
    try:
        return normal(module, forward, args, kwargs)
    finally:
        module._symbiote.calls.seconds += time.perf_counter() - start


def compare(module: TTNNModule, forward: Callable[..., Any], args: Args, kwargs: Kwargs) -> Any:
    """As normal, running torch beside it and keeping the worst PCC and relative RMS error."""
    calls = module._symbiote.calls
    before = calls.fallbacks
    out = normal(module, forward, args, kwargs)
    tensors = [t for t in leaves(out) if isinstance(t, torch.Tensor)]
    if tensors and calls.fallbacks == before:
        golden = on_torch(module, forward, args, kwargs)
        references = [t for t in leaves(golden) if isinstance(t, torch.Tensor)]
        for got, want in zip(tensors, references, strict=False):
            value = got.to_torch if isinstance(got, TorchTTNNTensor) else got
            calls.pcc = min(pcc(want, value), 1.0 if calls.pcc is None else calls.pcc)
            calls.relative_rms = max(relative_rms(want, value), calls.relative_rms or 0.0)
    return out


MODES: dict[str, Mode] = {"normal": normal, "torch": on_torch, "timed": timed, "compare": compare}
"""The run modes by name."""
