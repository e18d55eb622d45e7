"""Changing the order of dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from symbiote_emulator.device import Device
from symbiote_emulator.errors import (
    IncompatibleArguments,
    NotImitated,
    OperationRefused,
    WrongInTTNN,
)
from symbiote_emulator.operations._common import emit, require_device
from symbiote_emulator.operations._shards import output_memory
from symbiote_emulator.operations.reshape import owned
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import padded_shape
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import Layout, MemoryConfig, StorageType


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
    return emit(
        value,
        device,
        dtype=x.dtype,
        layout=x.layout,
        memory_config=(memory_config or x.memory_config())
        if order == tuple(range(rank))
        else _memory(x, memory_config, value.shape, device),
    )


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
    """
    del pad_value
    x = input_tensor
    rank = len(x.spec.shape)
    first, second = normalised(dim1, rank), normalised(dim2, rank)
    if rank < 2 and x.layout is Layout.TILE:
        raise OperationRefused("Can't convert shape rank", "Give a tensor of rank 2 or more.")
    if first == second and x.storage_type() is StorageType.HOST:
        return x
    device = require_device(x)
    value = owned(x.value.transpose(first, second))
    return emit(
        value,
        device,
        dtype=x.dtype,
        layout=x.layout,
        memory_config=(memory_config or x.memory_config())
        if first == second
        else _memory(x, memory_config, value.shape, device),
    )


def _memory(
    x: Tensor, asked: MemoryConfig | None, shape: Sequence[int], device: Device
) -> MemoryConfig:
    if asked is None:
        _check_shards(x, shape)
        return x.memory_config()
    if asked.is_sharded() and asked.shard_spec is None and x.layout is Layout.ROW_MAJOR:
        raise OperationRefused("bad optional access", "Give the memory config a shard_spec.")
    return output_memory(asked, (x,), shape, x.layout, device)


def _check_shards(x: Tensor, shape: Sequence[int]) -> None:
    if not x.is_sharded() or x.layout is not Layout.TILE:
        return
    old, new = x.spec.padded_shape, padded_shape(shape, x.layout)
    if old[-1] != new[-1] or math.prod(old[:-1]) != math.prod(new[:-1]):
        raise NotImitated(
            "The input is sharded, and its rows or columns in memory change in number.",
            "Pass memory_config.",
        )


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
