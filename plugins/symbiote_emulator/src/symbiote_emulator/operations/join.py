"""Putting tensors together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.errors import (
    IncompatibleArguments,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.numerics import ELEMENT_SIZE, FLOATS
from symbiote_emulator.operations._common import emit, require_device
from symbiote_emulator.operations.permute import normalised
from symbiote_emulator.operations.reshape import owned
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import L1_ALIGNMENT
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    Arch,
    BufferType,
    DataType,
    Layout,
    MemoryConfig,
    StorageType,
)

_ALIGNMENT = 32  # bytes; of rows of other lengths, TTNN exchanges the last two dimensions


@operation("ttnn.concat")
def concat(
    tensors: Any,
    dim: int = 0,
    *,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    groups: int = 1,
    sub_core_grids: Any = None,
) -> Tensor:
    """Tensors one after the other along a dimension.

    Args:
        tensors: equal in dtype and in every other dimension, on the device.
        dim: the dimension.
        memory_config: output memory, DRAM if left out.
        output_tensor: refused.
        groups: accepted.
        sub_core_grids: accepted.

    Raises:
        OperationRefused: an empty list, host tensors, different dtypes or shapes, or layouts that
            TTNN does not bring together.
    """
    del groups, sub_core_grids
    if not isinstance(tensors, (list, tuple)) or any(not isinstance(t, Tensor) for t in tensors):
        raise IncompatibleArguments
    if not tensors:
        raise OperationRefused(
            "ttnn.concat: expected a non-empty list of Tensors!", "Pass at least one."
        )
    if output_tensor is not None:
        raise OperationRefused("optional output tensor currently unsupported!", "Leave it out.")
    first = tensors[0]
    if first.device() is None:
        raise WouldCrash("The first operand has no device memory.", "Move it to the device.")
    rank = len(first.spec.shape)
    axis = normalised(dim, rank) if len(tensors) > 1 else 0  # of one tensor TTNN never looks at it
    untilized = len(tensors) > 1 and _are_untilized(tensors, axis)
    for tensor in tensors[1:]:
        if tensor.storage_type() is not StorageType.DEVICE:
            raise OperationRefused("Input tensor must be on device", "Move it to the device.")
        require_device(tensor)
        _check_fit(first, tensor, axis, untilized=untilized)
    layout, dtype, value = first.layout, first.dtype, owned(first.value)
    if len(tensors) > 1:
        layout, dtype = _meet(tensors, axis)
        value = owned(torch.cat([t.value for t in tensors], axis))
    device = require_device(first)
    return emit(
        value,
        device,
        dtype=dtype,
        layout=layout,
        memory_config=memory_config or DRAM_MEMORY_CONFIG,
    )


def _are_untilized(tensors: Sequence[Tensor], axis: int) -> bool:
    """Whether TTNN takes tiles apart to put them together, which makes BFLOAT8_B BFLOAT16.

    Along the last of several dimensions it compares dtypes first if those to come are BFLOAT8_B.
    """
    first = tensors[0]
    rank = len(first.spec.shape)
    if any(t.layout is Layout.TILE and _pads(t, axis) for t in tensors):
        return rank == 1 or axis < rank - 1 or first.dtype is DataType.BFLOAT8_B
    mixed = any(t.layout is not first.layout for t in tensors)
    return mixed and (first.layout is Layout.ROW_MAJOR or not all(_tiles(t) for t in tensors))


def _untilized(dtype: DataType) -> DataType:
    return DataType.BFLOAT16 if dtype is DataType.BFLOAT8_B else dtype


def _check_fit(first: Tensor, other: Tensor, axis: int, *, untilized: bool) -> None:
    a, b = list(first.spec.shape), list(other.spec.shape)
    if len(a) == len(b):
        a[axis] = b[axis] = 0
    if a != b:
        raise OperationRefused(
            "All dimensions must be the same size except for the dimension along which the "
            "contenation is taking place.",
            f"Got {list(first.spec.shape)} and {list(other.spec.shape)} along dimension {axis}.",
        )
    dtypes = [_untilized(t.dtype) if untilized else t.dtype for t in (first, other)]
    if dtypes[0] is not dtypes[1]:
        raise OperationRefused(
            "All Tensors should have same dtypes.", "Convert them with ttnn.typecast."
        )
    if first.is_sharded() != other.is_sharded():
        raise OperationRefused(
            "All tensors must be sharded or all must be interleaved",
            "Bring them to one memory with ttnn.to_memory_config.",
        )


def _meet(tensors: Sequence[Tensor], axis: int) -> tuple[Layout, DataType]:
    """Layout and dtype of the result, as TTNN brings the tensors together.

    Raises:
        OperationRefused: tiles that don't end with the tensor are untilized, which some dtypes
            and row-major neighbours don't allow.
        WouldCrash: an empty tensor would be untilized.
    """
    first = tensors[0]
    if any(t.layout is Layout.TILE and _pads(t, axis) for t in tensors):
        _check_vectors(tensors)
        _check_nothing(tensors, axis)
        return Layout.TILE, _retilized(tensors)
    if all(t.layout is Layout.ROW_MAJOR for t in tensors):
        _check_rows(tensors, axis)
    mixed = any(t.layout is not first.layout for t in tensors)
    if mixed and not all(_tiles(t) for t in tensors):
        return Layout.ROW_MAJOR, _untilized(first.dtype)
    return first.layout, first.dtype


def _retilized(tensors: Sequence[Tensor]) -> DataType:
    """The dtype after tiles were taken apart, put together, and made tiles again."""
    dtype = tensors[0].dtype
    if any(t.layout is Layout.ROW_MAJOR for t in tensors):
        raise OperationRefused(
            "ttnn.concat: expected all input tensors to be in tile layout",
            "Bring them to one layout with ttnn.to_layout.",
        )
    if dtype is DataType.BFLOAT4_B:
        raise OperationRefused(
            "Only TILE layout is supported for BFLOAT8_B dtype!",
            "Convert them with ttnn.typecast: TTNN untilizes what does not end with a tile.",
        )
    if dtype is DataType.UINT8:
        raise OperationRefused(
            "Can only tilize bfloat16/float32 or int32/uint32/uint16 or fp8_e4m3 tensors",
            "Convert them with ttnn.typecast.",
        )
    if len(tensors[0].spec.shape) == 1:
        _check_rows(tensors, 0)
    elif tensors[0].spec.shape[-1] == 0:
        raise WouldCrash("The rows of an operand have no elements.", "Leave it out.")
    return _untilized(dtype)


def _check_vectors(tensors: Sequence[Tensor]) -> None:
    """Refuse what Blackhole does: BFLOAT8_B in DRAM among vectors of whole tiles."""
    if not _whole_vectors(tensors):
        return
    blocks = [t for t in tensors if t.dtype is DataType.BFLOAT8_B]
    if any(
        t.spec.buffer_type is BufferType.DRAM and require_device(t).arch() is Arch.BLACKHOLE
        for t in blocks
    ):
        raise OperationRefused(
            "Index is out of bounds for the rank, should be between 0 and 0",
            "Convert them with ttnn.typecast, or give them rank 2.",
        )


def _check_nothing(tensors: Sequence[Tensor], axis: int) -> None:
    """Refuse nothing among tiles that are taken apart into rows.

    Numbers of floating point are put together otherwise where rows have no elements.

    Raises:
        WrongInTTNN: there are no rows.
        WouldCrash: rows have no elements, and others are not aligned.
    """
    rank = len(tensors[0].spec.shape)
    if rank == 1 or axis != rank - 1:
        return
    if any(0 in t.spec.shape[:-1] for t in tensors):
        raise WrongInTTNN(
            "There are no rows, and their length does not fill tiles.",
            "TTNN takes the padding for columns, or crashes. Leave such operands out.",
        )
    empty = any(t.spec.shape[-1] == 0 for t in tensors)
    if empty and tensors[0].dtype not in FLOATS and not all(map(_is_aligned, tensors)):
        raise WouldCrash("The rows of an operand have no elements.", "Leave it out.")


def _is_aligned(tensor: Tensor) -> bool:
    """Whether a row of the tensor, out of its tiles, ends where memory lets another begin."""
    if tensor.spec.buffer_type is BufferType.L1:
        alignment = L1_ALIGNMENT
    else:
        alignment = 64 if require_device(tensor).arch() is Arch.BLACKHOLE else _ALIGNMENT
    return tensor.spec.shape[-1] * ELEMENT_SIZE[_untilized(tensor.dtype)] % alignment == 0


def _whole_vectors(tensors: Sequence[Tensor]) -> bool:
    """Whether these are vectors, some with elements, that end with a tile."""
    whole = all(t.spec.padded_shape[-1:] == t.spec.shape for t in tensors)
    return whole and any(t.logical_volume() for t in tensors)


def _check_rows(tensors: Sequence[Tensor], axis: int) -> None:
    """Refuse rows without elements, and nothing beside rows that TTNN has to align."""
    along_rows = axis == len(tensors[0].spec.shape) - 1
    unaligned = along_rows and not all(map(_is_aligned, tensors))
    empty = any(not t.logical_volume() for t in tensors)
    if (unaligned and empty) or not any(t.spec.shape[-1] for t in tensors):
        raise WouldCrash("An operand has no elements.", "Leave it out.")


def _tiles(tensor: Tensor) -> bool:
    shape = tensor.spec.shape
    return len(shape) > 1 and shape[-1] % 32 == 0 and shape[-2] % 32 == 0


def _pads(tensor: Tensor, axis: int) -> bool:
    """Whether the tensor does not end with a tile; TTNN takes vectors apart in any case."""
    shape = tensor.spec.shape
    return len(shape) == 1 or (
        axis < len(shape) and tensor.spec.padded_shape[axis - len(shape)] != shape[axis]
    )
