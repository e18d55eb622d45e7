"""Putting tensors together, taking them apart, and repeating them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.errors import IncompatibleArguments, OperationRefused, WouldCrash
from symbiote_emulator.operations._common import emit, fill_output, require_device
from symbiote_emulator.operations.permute import normalised
from symbiote_emulator.operations.reshape import owned
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DRAM_MEMORY_CONFIG, DataType, Layout, MemoryConfig, StorageType


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
    for tensor in tensors[1:]:
        if tensor.storage_type() is not StorageType.DEVICE:
            raise OperationRefused("Input tensor must be on device", "Move it to the device.")
        require_device(tensor)
        _check_fit(first, tensor, axis)
    layout, dtype = first.layout, first.dtype
    if len(tensors) > 1:
        layout, dtype = _meet(tensors, axis)
    device = require_device(first)
    return emit(
        owned(torch.cat([t.value for t in tensors], axis)),
        device,
        dtype=dtype,
        layout=layout,
        memory_config=memory_config or DRAM_MEMORY_CONFIG,
    )


def _check_fit(first: Tensor, other: Tensor, axis: int) -> None:
    a, b = list(first.spec.shape), list(other.spec.shape)
    if len(a) == len(b):
        a[axis] = b[axis] = 0
    if a != b:
        raise OperationRefused(
            "All dimensions must be the same size except for the dimension along which the "
            "contenation is taking place.",
            f"Got {list(first.spec.shape)} and {list(other.spec.shape)} along dimension {axis}.",
        )
    if first.dtype is not other.dtype:
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
        return Layout.TILE, _retilized(tensors)
    mixed = any(t.layout is not first.layout for t in tensors)
    if mixed and not all(_tiles(t) for t in tensors):
        return Layout.ROW_MAJOR, first.dtype
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
    if not all(t.logical_volume() for t in tensors):
        raise WouldCrash("An operand has no elements.", "Leave it out.")
    return DataType.BFLOAT16 if dtype is DataType.BFLOAT8_B else dtype


def _tiles(tensor: Tensor) -> bool:
    shape = tensor.spec.shape
    return len(shape) > 1 and shape[-1] % 32 == 0 and shape[-2] % 32 == 0


def _pads(tensor: Tensor, axis: int) -> bool:
    return tensor.spec.padded_shape[axis] != tensor.spec.shape[axis]


@operation("ttnn.repeat")
def repeat(
    input_tensor: Tensor,
    repeat_dims: Sequence[int],
    *,
    memory_config: MemoryConfig | None = None,
    optional_output_tensor: Tensor | None = None,
) -> Tensor:
    """The tensor repeated ``repeat_dims[i]`` times along dimension ``i``."""
    if any(n < 0 for n in repeat_dims):
        raise IncompatibleArguments
    counts = [1] * (len(input_tensor.spec.shape) - len(repeat_dims)) + list(repeat_dims)
    value = owned(input_tensor.value.repeat(*counts))
    if optional_output_tensor is not None:
        return fill_output(optional_output_tensor, value)
    return _like(input_tensor, value, memory_config)


@operation("ttnn.expand")
def expand(
    input_tensor: Tensor, output_shape: Sequence[int], *, memory_config: MemoryConfig | None = None
) -> Tensor:
    """Dimensions of size 1 repeated to ``output_shape``; -1 keeps a size.

    Raises:
        OperationRefused: a dimension that is not 1 would change.
    """
    try:
        value = input_tensor.value.expand(*[int(n) for n in output_shape])
    except RuntimeError as error:
        raise OperationRefused(
            f"Shape {input_tensor.shape} can't be expanded to {list(output_shape)}.",
            "Only dimensions of size 1 can be expanded.",
        ) from error
    return _like(input_tensor, owned(value), memory_config)


@operation("ttnn.repeat_interleave")
def repeat_interleave(
    input_tensor: Tensor, repeats: int, dim: int, *, memory_config: MemoryConfig | None = None
) -> Tensor:
    """Every slice along ``dim`` repeated ``repeats`` times in a row."""
    axis = normalised(dim, len(input_tensor.spec.shape))
    value = input_tensor.value.repeat_interleave(repeats, axis)
    return _like(input_tensor, value, memory_config)


@operation("ttnn.split")
def split(
    input_tensor: Tensor,
    split_size: int | Sequence[int],
    dim: int = 0,
    *,
    memory_config: MemoryConfig | None = None,
) -> list[Tensor]:
    """Parts of ``split_size`` (or of these sizes) along ``dim``."""
    axis = normalised(dim, len(input_tensor.spec.shape))
    sizes = split_size if isinstance(split_size, int) else [int(n) for n in split_size]
    _check_sizes(sizes, axis, input_tensor.spec.shape[axis])
    parts = torch.split(input_tensor.value, sizes, axis)
    return [_like(input_tensor, owned(part), memory_config) for part in parts]


def _check_sizes(sizes: int | Sequence[int], axis: int, total: int) -> None:
    if isinstance(sizes, int):
        if sizes <= 0:
            raise OperationRefused(
                f"split_size must be greater than 0, but got: {sizes}", "Pass 1 or more."
            )
        return
    shown = "{" + ", ".join(map(str, sizes)) + "}"
    if any(n <= 0 for n in sizes):
        raise OperationRefused(
            f"split_size should be greater than 0, instead got: {shown}", "Pass 1 or more."
        )
    if sum(sizes) != total:
        raise OperationRefused(
            f"split_sizes must sum exactly to the size of dimension {axis} ({total}), but sizes "
            f"{shown} sum to {sum(sizes)}",
            "Give sizes that add up.",
        )


@operation("ttnn.chunk")
def chunk(input_tensor: Tensor, chunks: int, dim: int) -> list[Tensor]:
    """``chunks`` parts along ``dim``, the last one possibly smaller."""
    axis = normalised(dim, len(input_tensor.spec.shape))
    parts = input_tensor.value.chunk(chunks, axis)
    return [_like(input_tensor, owned(part), None) for part in parts]


def _like(x: Tensor, value: torch.Tensor, memory_config: MemoryConfig | None) -> Tensor:
    return emit(
        value,
        require_device(x),
        dtype=x.dtype,
        layout=x.layout,
        memory_config=memory_config or x.memory_config(),
    )
