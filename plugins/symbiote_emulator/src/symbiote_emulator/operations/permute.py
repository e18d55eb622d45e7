"""Changing the order of dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from symbiote_emulator.device import Device
from symbiote_emulator.errors import (
    IncompatibleArguments,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.operations._common import emit, require_device, require_rows
from symbiote_emulator.operations._shards import output_memory, require_same_extent
from symbiote_emulator.operations.layout import clone
from symbiote_emulator.operations.reshape import owned
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    Layout,
    MemoryConfig,
    ShardSpec,
    StorageType,
    TensorMemoryLayout,
)

_MAX_RANK = 4  # of more dimensions, TTNN leaves it to the caller to choose shards
_clone: Any = clone.__wrapped__  # type: ignore[attr-defined]


@operation("ttnn.permute")
def permute(
    input_tensor: Tensor,
    dims: Sequence[int],
    pad_value: float = 0.0,
    *,
    memory_config: MemoryConfig | None = None,
) -> Tensor:
    """Dimensions in the order of ``dims``.

    Args:
        input_tensor: any shape, on the device.
        dims: for each dimension of the result, which one of the input it is.
        pad_value: accepted; padding has no values here.
        memory_config: output memory; that of the input if left out.

    Raises:
        OperationRefused: a host or freed tensor, another number of dimensions, or one out of
            range.
        WouldCrash: a tensor without elements, in most orders.
        WrongInTTNN: a dimension named twice.
    """
    del pad_value
    x = input_tensor
    rank = len(x.spec.shape)
    if any(not isinstance(d, int) for d in dims):
        raise IncompatibleArguments
    order = tuple(normalised(d, rank) for d in dims)
    if len(order) != rank:
        raise OperationRefused(
            "The number of dimensions in the tensor input does not match the length of the "
            f"desired ordering: {rank} against {len(order)}",
            "Name every dimension once.",
        )
    if not x.is_allocated():
        raise OperationRefused("Tensor is not allocated", "Keep the tensor until its last use.")
    if x.storage_type() is not StorageType.DEVICE:
        raise OperationRefused(
            "Tensor must already be on device", "Move it with ttnn.to_device(tensor, device)."
        )
    device = require_device(x)
    if len(set(order)) < rank:
        raise WrongInTTNN("A dimension named twice.", "Name every dimension once.", dims=order)
    value = owned(x.value.permute(order))
    if order == tuple(range(rank)):
        if memory_config not in (None, x.memory_config()):
            require_rows(x)
        memory = memory_config or x.memory_config()
    else:
        if not x.logical_volume():
            _check_elements(x, order)
        memory = _memory(x, memory_config, value.shape, device)
    return emit(value, device, dtype=x.dtype, layout=x.layout, memory_config=memory)


@operation("ttnn.transpose")
def transpose(
    input_tensor: Tensor,
    dim1: int,
    dim2: int,
    pad_value: float = 0.0,
    *,
    memory_config: MemoryConfig | None = None,
) -> Tensor:
    """Two dimensions exchanged.

    Args:
        input_tensor: any shape, on the device.
        dim1: one dimension.
        dim2: the other.
        pad_value: accepted; padding has no values here.
        memory_config: output memory; that of the input if left out.

    Raises:
        OperationRefused: a host or freed tensor, or a dimension out of range.
        WouldCrash: a tensor without elements, for most dimensions.
    """
    del pad_value
    x = input_tensor
    rank = len(x.spec.shape)
    first, second = normalised(dim1, rank), normalised(dim2, rank)
    if rank < 2 and x.layout is Layout.TILE:
        raise OperationRefused("Can't convert shape rank", "Give a tensor of rank 2 or more.")
    if first == second:  # TTNN clones the tensor, if it is for another memory
        stays = memory_config is None or memory_config == x.memory_config()
        return _same(x) if stays else _clone(x, memory_config=memory_config)
    device = require_device(x)
    if not x.logical_volume():
        order = list(range(rank))
        order[first], order[second] = second, first
        _check_elements(x, tuple(order))
    value = owned(x.value.transpose(first, second))
    memory = _memory(x, memory_config, value.shape, device)
    if memory_config is None and {first, second} == {rank - 2, rank - 1}:
        memory = _turned(x, memory)
    return emit(value, device, dtype=x.dtype, layout=x.layout, memory_config=memory)


def _turned(x: Tensor, memory: MemoryConfig) -> MemoryConfig:
    """The memory of a matrix whose shards of rows become shards of columns.

    They don't where a shard has room for more rows than there are.
    """
    shards = memory.shard_spec
    height = memory.memory_layout is TensorMemoryLayout.HEIGHT_SHARDED
    if shards is None or not height or math.prod(x.spec.shape[:-2]) != 1:
        return memory
    if shards.shape[0] > x.spec.padded_shape[-2]:
        return memory
    turned = ShardSpec(shards.grid, tuple(reversed(shards.shape)), shards.orientation)
    return MemoryConfig(TensorMemoryLayout.WIDTH_SHARDED, memory.buffer_type, turned)


def _same(x: Tensor) -> Tensor:
    rank = len(x.spec.shape)
    if (
        x.storage_type() is StorageType.DEVICE and rank != _MAX_RANK
    ):  # TTNN reshapes or permutes the others
        require_device(x)
    if x.storage_type() is StorageType.HOST and rank > _MAX_RANK:
        raise OperationRefused(
            "Tensor must already be on device", "Move it with ttnn.to_device(tensor, device)."
        )
    return x


def _check_elements(x: Tensor, order: tuple[int, ...]) -> None:
    """Refuse the orders of a tensor without elements for which TTNN divides by a size of 0."""
    shape = x.spec.shape
    last, width, height = len(shape) - 1, shape[order[-1]], shape[order[-2]]
    if x.layout is Layout.ROW_MAJOR:
        crashes = 0 in (shape[-1], width)
    elif {last, last - 1} == set(order[-2:]):
        crashes = False  # no tile is taken apart
    elif order[-1] == last:
        crashes = height == 0
    elif order[-1] == last - 1:
        crashes = width == 0
    else:
        crashes = 0 in (shape[-1], width, height)
    if crashes:
        raise WouldCrash("A tensor without elements.", "Make the result with ttnn.empty.")


def _memory(
    x: Tensor, asked: MemoryConfig | None, shape: Sequence[int], device: Device
) -> MemoryConfig:
    if asked is None:
        require_same_extent(x, shape)
        return x.memory_config()
    chooses = x.layout is Layout.TILE and len(shape) <= _MAX_RANK
    if asked.is_sharded() and asked.shard_spec is None and not chooses:
        raise OperationRefused("bad optional access", "Give the memory config a shard_spec.")
    return output_memory(asked, (x,), shape, x.layout, device)


def normalised(dim: int, rank: int) -> int:
    """A dimension counted from the front.

    Raises:
        OperationRefused: it is out of range.
    """
    if not -rank <= dim < rank:
        raise OperationRefused(
            f"Index is out of bounds for the rank, should be between 0 and {rank - 1} however is "
            f"{dim + rank if dim < 0 else dim}",
            "Pass a dimension of the tensor.",
            dim=dim,
        )
    return dim % rank
