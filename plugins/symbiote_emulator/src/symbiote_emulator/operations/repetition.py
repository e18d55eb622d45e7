"""Repeating a tensor along its dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from symbiote_emulator.errors import (
    IncompatibleArguments,
    NotImitated,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.operations._common import (
    emit,
    fill_output,
    require_device,
    require_elements,
    require_rows,
)
from symbiote_emulator.operations.permute import normalised
from symbiote_emulator.operations.reshape import owned
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    TILE_SIZE,
    DataType,
    Layout,
    MemoryConfig,
)

_MAX_RANK = 4  # of more dimensions, TTNN takes tiles apart to repeat any
_BYTES_AND_SHORTS = (DataType.UINT8, DataType.UINT16)


@operation("ttnn.repeat")
def repeat(
    input_tensor: Tensor,
    repeat_dims: Sequence[int],
    *,
    memory_config: MemoryConfig | None = None,
    optional_output_tensor: Tensor | None = None,
) -> Tensor:
    """The tensor repeated ``repeat_dims[i]`` times along dimension ``i``.

    Raises:
        OperationRefused: a dtype that can't be repeated within a tile, or a sharded tensor, whose
            result's shards TTNN would choose.
    """
    if any(n < 0 for n in repeat_dims):
        raise IncompatibleArguments
    rank = len(input_tensor.spec.shape)
    counts = [1] * (rank - len(repeat_dims)) + list(repeat_dims)
    _check_tiles(input_tensor, counts)
    _check_shards(input_tensor, counts, memory_config)
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
        OperationRefused: a dimension that is not 1 would change, or a dtype that can't be
            repeated within a tile.
    """
    sizes = [int(n) for n in output_shape]
    try:
        value = input_tensor.value.expand(*sizes)
    except RuntimeError as error:
        raise OperationRefused(
            f"Shape {input_tensor.shape} can't be expanded to {list(output_shape)}.",
            "Only dimensions of size 1 can be expanded.",
        ) from error
    before = [1] * (len(sizes) - len(input_tensor.spec.shape)) + list(input_tensor.spec.shape)
    counts = [1 if a == b else b for a, b in zip(before, value.shape, strict=True)]
    _check_tiles(input_tensor, counts)
    _check_shards(input_tensor, counts, memory_config)
    return _like(input_tensor, owned(value), memory_config)


@operation("ttnn.repeat_interleave")
def repeat_interleave(
    input_tensor: Tensor, repeats: int, dim: int, *, memory_config: MemoryConfig | None = None
) -> Tensor:
    """Every slice along ``dim`` repeated ``repeats`` times in a row.

    Raises:
        OperationRefused: no repeats, a dimension out of range, or bytes or shorts of rank 1.
    """
    x = input_tensor
    shape = x.spec.shape
    if len(shape) == 1 and x.dtype in _BYTES_AND_SHORTS and shape[0] * repeats > 1:
        raise OperationRefused(
            f"ttnn.reshape does not take DataType::{x.dtype.name}, which a vector needs here",
            "Convert it with ttnn.typecast.",
        )
    if repeats == 1:  # TTNN looks at nothing else
        if len(shape) > 1:
            _check_move(x, memory_config)
        return _like(x, x.value.clone(), memory_config)
    if repeats == 0:
        raise OperationRefused(
            "ttnn.concat: expected a non-empty list of Tensors!", "Repeat once or more."
        )
    # Of vectors, TTNN does not look at the dimension.
    axis = 0 if len(shape) == 1 else normalised(dim, len(shape))
    _check_elements(x, axis)
    memory = memory_config
    if memory is None and x.is_sharded():
        memory = DRAM_MEMORY_CONFIG
    return _like(x, owned(x.value.repeat_interleave(repeats, axis)), memory)


def _check_tiles(x: Tensor, counts: Sequence[int]) -> None:
    """Refuse what TTNN would have to untilize, repeat and tilize again, and can't.

    Args:
        x: the tensor.
        counts: how often each dimension is repeated, the last ones last.
    """
    shape = x.spec.shape
    if 0 in counts:
        return
    if all(n == 1 for n in counts):
        return
    tiles = x.layout is Layout.TILE
    if tiles and len(shape) > 1 and all(size % TILE_SIZE == 0 for size in shape[-2:]):
        return
    higher = len(counts) > _MAX_RANK
    if (len(counts) == 1 or higher) and x.dtype is DataType.UINT8:
        raise OperationRefused(
            f"ttnn.repeat does not take DataType::UINT8 of rank {len(counts)}",
            "Convert it with ttnn.typecast.",
        )
    if not tiles or (not higher and all(n == 1 for n in counts[-2:])):
        return
    sizes = zip([1, *shape][-2:], [1, *counts][-2:], strict=True)
    ends_with_tiles = all(size * count % TILE_SIZE == 0 for size, count in sizes)
    if x.dtype is DataType.BFLOAT4_B:
        raise OperationRefused(
            "Only TILE layout is supported for BFLOAT8_B dtype!",
            "TTNN untilizes BFLOAT4_B here: convert it with ttnn.typecast.",
        )
    if len(counts) > 1 and not x.logical_volume() and not ends_with_tiles:
        raise WrongInTTNN(
            "A tensor of tiles without elements.",
            "It has nothing to repeat: make the result with ttnn.empty.",
        )
    if x.dtype is DataType.UINT8 and not ends_with_tiles:
        raise OperationRefused(
            "Can only tilize bfloat16/float32 or int32/uint32/uint16 or fp8_e4m3 tensors",
            "Convert it with ttnn.typecast.",
        )


def _check_move(x: Tensor, memory_config: MemoryConfig | None) -> None:
    """Refuse rows without elements where nothing but their memory would be another one."""
    if memory_config not in (None, x.memory_config()):
        require_rows(x)


def _check_shards(x: Tensor, counts: Sequence[int], memory_config: MemoryConfig | None) -> None:
    if all(n == 1 for n in counts):
        _check_move(x, memory_config)
    if x.is_sharded() and memory_config is None and any(n != 1 for n in counts):
        raise NotImitated(
            "The input is sharded, and TTNN chooses the shards of the result.",
            "Pass memory_config.",
        )


def _check_elements(x: Tensor, axis: int) -> None:
    """Refuse tensors without elements, on which TTNN divides by zero or loses the shape."""
    shape = x.spec.shape
    if x.dtype is DataType.UINT8:
        require_elements(x)  # TTNN converts it
    if len(shape) < 2 or x.logical_volume():
        return
    if x.layout is Layout.TILE:
        raise WrongInTTNN(
            "A tensor of tiles without elements.",
            "It has nothing to repeat: make the result with ttnn.empty.",
        )
    if shape[-1] == 0 or (axis == len(shape) - 1 and shape[-2] == 0):
        raise WouldCrash("Rows without elements.", "Make the result with ttnn.empty.")


def _like(x: Tensor, value: torch.Tensor, memory_config: MemoryConfig | None) -> Tensor:
    return emit(
        value,
        require_device(x),
        dtype=x.dtype,
        layout=x.layout,
        memory_config=memory_config or x.memory_config(),
    )
