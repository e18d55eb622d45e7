"""Views, slices and joins between modules: data stays on the device."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch

from symbiote_core import AtenHandler
from symbiote_ttnn.freed import living
from symbiote_ttnn.late import ttnn

MAX_INT = 2**63 - 1
"""What torch passes as the end of an open slice."""


def _slice(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    shape = tuple(x.shape)
    dim %= len(shape)
    size = shape[dim]
    first = 0 if start is None else min(max(start + size if start < 0 else start, 0), size)
    last = size if end in (None, MAX_INT) else min(max(end + size if end < 0 else end, 0), size)
    if (first, last, step) == (0, size, 1):
        return x
    if last <= first:
        return NotImplemented
    begins, ends, steps = [0] * len(shape), list(shape), [1] * len(shape)
    begins[dim], ends[dim], steps[dim] = first, last, step
    return ttnn.slice(x, begins, ends, steps)


def _select(x: Any, dim: int, index: int) -> Any:
    shape = tuple(x.shape)
    dim %= len(shape)
    begins, ends = [0] * len(shape), list(shape)
    begins[dim] = index + shape[dim] if index < 0 else index
    ends[dim] = begins[dim] + 1
    return ttnn.reshape(ttnn.slice(x, begins, ends), shape[:dim] + shape[dim + 1 :])


def _view(x: Any, size: Sequence[int]) -> Any:
    return ttnn.reshape(x, _resolved(tuple(x.shape), size))


def _resolved(shape: tuple[int, ...], size: Sequence[int]) -> tuple[int, ...]:
    """``size`` with its -1 worked out."""
    if -1 not in size:
        return tuple(size)
    total = known = 1
    for n in shape:
        total *= n
    for n in size:
        known *= n if n != -1 else 1
    return tuple(total // known if n == -1 else n for n in size)


def _transpose(x: Any, dim0: int, dim1: int) -> Any:
    return ttnn.transpose(x, dim0, dim1)


def _permute(x: Any, dims: Sequence[int]) -> Any:
    rank = len(tuple(x.shape))
    return ttnn.permute(x, tuple(d % rank for d in dims))


def _expand(x: Any, size: Sequence[int], *, implicit: bool = False) -> Any:
    del implicit
    shape, wanted = tuple(x.shape), tuple(size)
    if len(wanted) == len(shape):
        wanted = tuple(own if new == -1 else new for own, new in zip(shape, wanted, strict=True))
    return x if wanted == shape else ttnn.expand(living(x, "ttnn.expand"), wanted)


def _unsqueeze(x: Any, dim: int) -> Any:
    shape = list(x.shape)
    shape.insert(dim % (len(shape) + 1), 1)
    return ttnn.reshape(x, tuple(shape))


def _squeeze(x: Any, dim: int) -> Any:
    shape = list(x.shape)
    if shape[dim] != 1:
        return x
    del shape[dim]
    return ttnn.reshape(x, tuple(shape))


def _split(x: Any, size: int, dim: int = 0) -> Any:
    total = tuple(x.shape)[dim]
    return [_slice(x, dim, start, start + size) for start in range(0, total, size)]


def _split_with_sizes(x: Any, sizes: Sequence[int], dim: int = 0) -> Any:
    if 0 in sizes:
        return NotImplemented
    ends = list(itertools.accumulate(sizes))
    return [_slice(x, dim, end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _unbind(x: Any, dim: int = 0) -> Any:
    return [_select(x, dim, index) for index in range(tuple(x.shape)[dim])]


def _t(x: Any) -> Any:
    return ttnn.transpose(x, 0, 1) if len(tuple(x.shape)) == 2 else x


def _is_nothing(tensor: Any) -> bool:
    """Whether it is the empty [0] that torch lets stand in a list to join, as caches start with."""
    return isinstance(tensor, torch.Tensor) and tuple(tensor.shape) == (0,)


def _cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    tensors = [t for t in tensors if not _is_nothing(t)]
    if any(isinstance(t, torch.Tensor) for t in tensors):
        return NotImplemented
    if len(tensors) == 1:
        return _clone(tensors[0])
    living(tensors[0], "ttnn.concat")
    return ttnn.concat(list(tensors), dim=dim)


def _stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    if any(isinstance(t, torch.Tensor) for t in tensors):
        return NotImplemented
    dim %= len(tuple(tensors[0].shape)) + 1
    return ttnn.concat([_unsqueeze(t, dim) for t in tensors], dim=dim)


def _clone(x: Any, *, memory_format: Any = None) -> Any:
    del memory_format
    return ttnn.clone(living(x, "ttnn.clone"))


def _detach(x: Any) -> Any:
    return x


def _to_copy(x: Any, *, dtype: torch.dtype | None = None, **other: Any) -> Any:
    # Among floating dtypes only what the wrapper shows changes: the device keeps its own dtype.
    given = {k: v for k, v in other.items() if v not in (None, False, torch.strided)}
    device = given.pop("device", torch.device("cpu"))
    given.pop("memory_format", None)
    if given or torch.device(device).type != "cpu":
        return NotImplemented
    if dtype is not None and not dtype.is_floating_point:
        return NotImplemented
    return ttnn.clone(living(x, "ttnn.clone"))


def handlers() -> list[AtenHandler]:
    """The handlers of this file."""
    return [
        AtenHandler("aten.slice.Tensor", _slice),
        AtenHandler("aten.select.int", _select),
        AtenHandler("aten.view.default", _view),
        AtenHandler("aten._unsafe_view.default", _view),
        AtenHandler("aten.transpose.int", _transpose),
        AtenHandler("aten.permute.default", _permute),
        AtenHandler("aten.expand.default", _expand),
        AtenHandler("aten.split.Tensor", _split),
        AtenHandler("aten.split_with_sizes.default", _split_with_sizes),
        AtenHandler("aten.t.default", _t),
        AtenHandler("aten.unbind.int", _unbind),
        AtenHandler("aten.unsqueeze.default", _unsqueeze),
        AtenHandler("aten.squeeze.dim", _squeeze),
        AtenHandler("aten.cat.default", _cat),
        AtenHandler("aten.stack.default", _stack),
        AtenHandler("aten.clone.default", _clone),
        AtenHandler("aten.detach.default", _detach),
        AtenHandler("aten.alias.default", _detach),
        AtenHandler("aten._to_copy.default", _to_copy),
    ]
