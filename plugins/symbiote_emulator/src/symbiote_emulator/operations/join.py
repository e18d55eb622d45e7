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
        output_tensor: written and returned if given.
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
    first = tensors[0]
    if first.device() is None:
        raise WouldCrash("The first operand has no device memory.", "Move it to the device.")
    rank = len(first.spec.shape)
    axis = normalised(dim, rank)
    for tensor in tensors[1:]:
        if tensor.storage_type() is not StorageType.DEVICE:
            raise OperationRefused("Input tensor must be on device", "Move it to the device.")
        require_device(tensor)
        _check_fit(first, tensor, axis)
    if first.dtype is DataType.BFLOAT4_B and any(_pads(t, axis) for t in tensors):
        raise OperationRefused(
            "Only TILE layout is supported for BFLOAT8_B dtype!",
            "Convert them with ttnn.typecast: TTNN untilizes what does not end with a tile.",
        )
    layout = _layout(tensors, axis)
    device = require_device(first)
    value = owned(torch.cat([t.value for t in tensors], axis))
    if output_tensor is not None:
        return fill_output(output_tensor, value)
    return emit(
        value,
        device,
        dtype=first.dtype,
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


def _layout(tensors: Sequence[Tensor], axis: int) -> Layout:
    """The layout of the result. TTNN brings mixed layouts together in some cases only."""
    first = tensors[0]
    if all(t.layout is first.layout for t in tensors):
        return first.layout
    if all(_tiles(t) for t in tensors):
        return first.layout
    padded = any(t.layout is Layout.TILE and _pads(t, axis) for t in tensors)
    if first.layout is Layout.ROW_MAJOR or (axis == len(first.spec.shape) - 2 and not padded):
        raise OperationRefused(
            "ttnn.concat: expected all input tensors to be in tile layout",
            "Bring them to one layout with ttnn.to_layout.",
        )
    return Layout.ROW_MAJOR


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
    value = owned(input_tensor.value.repeat(*[int(n) for n in repeat_dims]))
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
    parts = torch.split(input_tensor.value, sizes, axis)
    return [_like(input_tensor, owned(part), memory_config) for part in parts]


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
