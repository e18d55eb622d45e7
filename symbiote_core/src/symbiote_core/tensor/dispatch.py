"""Torch operations on `TorchTTNNTensor`: handler, else torch, and never a stale copy."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import torch

from symbiote_core.errors import DispatchError, origin_of
from symbiote_core.runtime.active import ACTIVE, use_runtime
from symbiote_core.structure import leaves, map_leaves
from symbiote_core.tensor.range import within_bfloat16
from symbiote_core.tensor.wrapper import TorchTTNNTensor, set_dispatch, wrap

_HANDLERS: dict[Any, Any] = {}
_STRIDES: dict[Any, tuple[tuple[int, ...], ...]] = {}
MAX_STRIDES = 1024
"""Signatures of view operations whose strides are remembered; beyond it they are forgotten."""

_METADATA_WRITES = frozenset(
    {"resize_", "t_", "transpose_", "squeeze_", "unsqueeze_", "swapaxes_", "set_", "as_strided_"}
)

_FACTORIES = frozenset({"new_zeros", "new_ones", "new_full", "new_empty"})
"""Operations that make a tensor beside one of which they take the dtype alone."""


def install_handlers(by_overload: dict[Any, Any]) -> None:
    """Make this the table that dispatch uses (a registry's ``handlers.by_overload``)."""
    global _HANDLERS
    _HANDLERS = by_overload


def dispatch(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run one aten operation some of whose arguments are `TorchTTNNTensor`."""
    handler = _HANDLERS.get(func)
    if handler is None:
        if func._schema.is_mutable:
            return _in_place(func, args, kwargs)
        if func._schema.name.partition("::")[2] in _FACTORIES:
            return func(torch.empty(0, dtype=args[0].dtype), *args[1:], **kwargs)
        # In inference mode torch leaves composite operations whole. Taken apart they meet the same
        # handlers as under no_grad, and those that may or may not alias their input are gone.
        out = func.decompose(*args, **kwargs)
        return _on_torch(func, args, kwargs, "no handler") if out is NotImplemented else out
    if kwargs:
        return _on_device(handler, func, args, kwargs)
    if func.is_view:
        return _view(handler, func, args)
    # The common case, with nothing to upload and nothing to look into: device tensors and numbers.
    owner: TorchTTNNTensor | None = None
    for arg in args:
        if type(arg) is TorchTTNNTensor:
            if owner is None:
                owner = arg
            alike = arg.dtype is owner.dtype and arg.is_contiguous()
            if not alike or arg.dtype is torch.float64:
                return _on_device(handler, func, args, kwargs)
        elif isinstance(arg, (torch.Tensor, list, tuple)):
            return _on_device(handler, func, args, kwargs)
    if owner is None:
        return _on_device(handler, func, args, kwargs)
    raw = [arg.to_ttnn if type(arg) is TorchTTNNTensor else arg for arg in args]
    runtime = owner._runtime
    if runtime is not ACTIVE.runtime or runtime is None:
        return _on_device(handler, func, args, kwargs)
    try:
        out = handler.run(*raw)
    except Exception as error:  # any refusal of TTNN means: torch does this one, visibly
        return _refused(runtime, handler, error, func, args, kwargs)
    if isinstance(out, runtime.tensor_type):
        return wrap(out, owner.dtype, runtime, owner._ttnn_device, owner._activity)
    return _on_device(handler, func, args, kwargs)


def _view(handler: Any, func: Any, args: tuple[Any, ...]) -> Any:
    """A view of one device tensor, the common case of its kind; the others go to `_on_device`."""
    owner = args[0]
    runtime = owner._runtime if type(owner) is TorchTTNNTensor else None
    if runtime is None or runtime is not ACTIVE.runtime or owner.dtype is torch.float64:
        return _on_device(handler, func, args, {})
    try:
        out = handler.run(owner.to_ttnn, *args[1:])
    except Exception as error:  # any refusal of TTNN means: torch does this one, visibly
        return _refused(runtime, handler, error, func, args, {})
    if out is NotImplemented:
        return _on_device(handler, func, args, {})
    strides = _strides_on_torch(func, args, {})
    if isinstance(out, runtime.tensor_type):
        view = _wrap_like(out, owner, strides[0] if strides else None)
        _remember_view(view, owner, func, args, {})
        return view
    laid_out = iter(strides)

    def rewrap(leaf: Any) -> Any:
        return _wrap_like(leaf, owner, next(laid_out, None)) if runtime.is_tensor(leaf) else leaf

    result = map_leaves(rewrap, out)
    _remember_views(result, owner, func, args, {})
    return result


def _wrap_like(
    tensor: Any, owner: TorchTTNNTensor, strides: tuple[int, ...] | None
) -> TorchTTNNTensor:
    assert owner._runtime is not None
    return wrap(tensor, owner.dtype, owner._runtime, owner._ttnn_device, owner._activity, strides)


def _refused(
    runtime: Any,
    handler: Any,
    error: Exception,
    func: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    failure = runtime.describe_error(error)
    why = f"{failure.op or 'TTNN'}: {failure.message} (handler of {origin_of(handler.plugin)})"
    return _on_torch(func, args, kwargs, why)


def _on_device(handler: Any, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    owner = next((a for a in args if type(a) is TorchTTNNTensor), None)
    if owner is None:  # inside a list (cat, stack) or a keyword argument
        owner = next(a for a in leaves((args, kwargs)) if isinstance(a, TorchTTNNTensor))
    if _wants_double(leaves((args, kwargs))):
        return _on_torch(func, args, kwargs, "TTNN has no float64")
    _ = owner.to_ttnn  # settles runtime and device for what is uploaded beside it
    runtime, device, activity = owner._runtime, owner._ttnn_device, owner._activity
    assert runtime is not None
    dtype: torch.dtype | None = None
    as_laid_out = not func.is_view

    def unwrap(leaf: Any) -> Any:
        nonlocal dtype, as_laid_out
        if isinstance(leaf, torch.Tensor):
            as_laid_out = as_laid_out and leaf.is_contiguous()
            if leaf.ndim or dtype is None:
                dtype = leaf.dtype if dtype is None else torch.promote_types(dtype, leaf.dtype)
            if isinstance(leaf, TorchTTNNTensor):
                return leaf.to_ttnn
            if leaf.is_floating_point() and device is not None and leaf.numel():
                activity.uploaded(leaf)
                return runtime.from_torch(within_bfloat16(leaf), device)
        return leaf

    device_args = tuple(
        [unwrap(a) if not isinstance(a, (list, tuple)) else map_leaves(unwrap, a) for a in args]
    )
    device_kwargs = map_leaves(unwrap, dict(kwargs)) if kwargs else kwargs
    try:
        if runtime is ACTIVE.runtime:
            out = handler.run(*device_args, **device_kwargs)
        else:
            with use_runtime(runtime):
                out = handler.run(*device_args, **device_kwargs)
    except Exception as error:  # any refusal of TTNN means: torch does this one, visibly
        return _refused(runtime, handler, error, func, args, kwargs)
    if out is NotImplemented:
        return _on_torch(func, args, kwargs, f"the handler of plugin {handler.plugin} declined")
    assert dtype is not None
    requested = kwargs.get("dtype")
    if requested is not None:
        dtype = requested
    if as_laid_out and runtime.is_tensor(out):
        return wrap(out, dtype, runtime, device, activity)
    final = dtype
    strides = iter(() if as_laid_out else _strides_on_torch(func, args, kwargs))

    def rewrap(leaf: Any) -> Any:
        if not runtime.is_tensor(leaf):
            return leaf
        return wrap(leaf, final, runtime, device, activity, next(strides, None))

    result = map_leaves(rewrap, out)
    if func.is_view:
        _remember_views(result, owner, func, args, kwargs)
    return result


def _wants_double(given: Iterable[Any]) -> bool:
    """Whether operands make torch compute in float64, which is more precise than TTNN's dtypes.

    A tensor without dimensions does so only where no operand has any.
    """
    found = list(given)
    tensors = [leaf for leaf in found if isinstance(leaf, torch.Tensor)]
    without = not any(tensor.ndim for tensor in tensors)
    return any(leaf is torch.float64 for leaf in found) or any(
        tensor.dtype is torch.float64 and (tensor.ndim > 0 or without) for tensor in tensors
    )


def _signature(value: Any) -> Any:
    """What the strides of a result depend on, as a key of a dictionary."""
    if isinstance(value, torch.Tensor):
        return value.shape, value.stride(), value.dtype
    if isinstance(value, (list, tuple)):
        return tuple([_signature(item) for item in value])
    return value


def _strides_on_torch(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[int, ...], ...]:
    """The strides that torch would give the results; empty where they can't be told."""
    key: Any = func, _signature(args), _signature(tuple(kwargs.items())) if kwargs else ()
    known = _STRIDES.get(key)
    if known is None:
        if len(_STRIDES) >= MAX_STRIDES:
            _STRIDES.clear()
        known = _STRIDES[key] = _compute_strides(func, args, kwargs)
    return known


def _compute_strides(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[int, ...], ...]:
    def to_meta(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        return torch.empty_strided(leaf.shape, leaf.stride(), dtype=leaf.dtype, device="meta")

    meta_args, meta_kwargs = map_leaves(to_meta, (args, dict(kwargs)))
    try:
        out = func(*meta_args, **meta_kwargs)
    except (NotImplementedError, RuntimeError):  # a result whose shape depends on values
        return ()
    return tuple(leaf.stride() for leaf in leaves(out) if isinstance(leaf, torch.Tensor))


def _on_torch(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], why: str) -> Any:
    owner = next(a for a in leaves((args, kwargs)) if isinstance(a, TorchTTNNTensor))
    owner._activity.op_fell_back(str(func), why)
    host_args, host_kwargs = map_leaves(_host, (args, dict(kwargs)))
    out = func(*host_args, **host_kwargs)

    def rewrap(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor) or isinstance(leaf, TorchTTNNTensor):
            return leaf
        return TorchTTNNTensor(leaf, None, owner._runtime, owner._ttnn_device, owner._activity)

    result = map_leaves(rewrap, out)
    if func.is_view:
        _remember_views(result, owner, func, args, kwargs)
    return result


def _host(leaf: Any) -> Any:
    return leaf.to_torch if isinstance(leaf, TorchTTNNTensor) else leaf


def _remember_views(
    result: Any, base: TorchTTNNTensor, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    if isinstance(result, TorchTTNNTensor):
        _remember_view(result, base, func, args, kwargs)
        return
    for index, part in enumerate(result):
        _remember_view(part, base, func, args, kwargs, index)


def _remember_view(
    result: TorchTTNNTensor,
    base: TorchTTNNTensor,
    func: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    index: int | None = None,
) -> None:
    def replay(host: torch.Tensor) -> torch.Tensor:
        swapped = tuple(host if a is base else a for a in args)
        view = func(*swapped, **kwargs)
        chosen: torch.Tensor = view if index is None else view[index]
        return chosen

    result.view_of(base, replay)


@functools.lru_cache(maxsize=1024)
def _written(func: Any) -> tuple[tuple[int, str], ...]:
    """Position and name of the arguments that an operation writes to."""
    arguments = func._schema.arguments
    return tuple(
        (i, a.name)
        for i, a in enumerate(arguments)
        if a.alias_info is not None and a.alias_info.is_write
    )


def _written_on_device(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Write to a tensor that only the device holds, by the handler that makes a new one.

    A view, and a tensor that shares its host copy, are written to on the host.
    """
    target = args[0] if args else None
    if type(target) is not TorchTTNNTensor or target._origin is not None or kwargs:
        return False
    if target._host is not None or not target.is_contiguous():
        return False
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    function = getattr(packet, func._overloadname, None)
    handler = _HANDLERS.get(function)
    if handler is None:
        return False
    out = _on_device(handler, function, args, kwargs)
    if out.shape != target.shape or out.dtype is not target.dtype:
        return False
    target.replace(out)
    return True


def _is_laid_out_so(
    tensor: torch.Tensor, size: Any, stride: Any, offset: int | None = None
) -> bool:
    """Whether a tensor has these sizes and strides, but for those of dimensions of size 1."""
    if tuple(size) != tuple(tensor.shape) or offset:
        return False
    laid_out = zip(size, stride, tensor.stride(), strict=True)
    return all(own == new for count, new, own in laid_out if count > 1)


def _in_place(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a writing operation on host copies; the written tensors lose their device copy."""
    name = func._schema.name.partition("::")[2]
    written = []
    for position, key in _written(func):
        target = args[position] if position < len(args) else kwargs.get(key)
        written += [t for t in leaves(target) if isinstance(t, torch.Tensor)]
    own = {id(t): t for t in written if isinstance(t, TorchTTNNTensor)}
    if name == "as_strided_" and _is_laid_out_so(*args):
        return args[0]
    if own and name in _METADATA_WRITES:
        raise DispatchError(
            f"{func} changes the shape or the storage of a TorchTTNNTensor in place, which it "
            f"can't. Use the form that returns a new tensor ({name.rstrip('_')})."
        )
    if _written_on_device(func, name, args, kwargs):
        return args[0]
    some = next((a for a in leaves((args, kwargs)) if isinstance(a, TorchTTNNTensor)), None)
    assert some is not None
    some._activity.op_fell_back(str(func), "in-place operations run on the host copy")
    hosts = {key: t.writable_host() for key, t in own.items()}

    def host(leaf: Any) -> Any:
        if isinstance(leaf, TorchTTNNTensor):
            written_to = hosts.get(id(leaf))
            return leaf.to_torch if written_to is None else written_to
        return leaf

    host_args, host_kwargs = map_leaves(host, (args, dict(kwargs)))
    out = func(*host_args, **host_kwargs)
    back = {id(h): own[key] for key, h in hosts.items()}
    return map_leaves(lambda leaf: back.get(id(leaf), leaf), out)


set_dispatch(dispatch)
