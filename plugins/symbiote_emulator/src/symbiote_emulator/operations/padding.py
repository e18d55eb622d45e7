"""Adding rows and columns of one value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.errors import (
    IncompatibleArguments,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.operations._common import emit, needs_padding, require_device
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import check_tiles, padded_shape, tensor_spec
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    TILE_SIZE,
    DataType,
    Layout,
    MemoryConfig,
    Shape,
    ShardOrientation,
    ShardSpec,
    StorageType,
    TensorMemoryLayout,
)

Pairs = list[tuple[int, int]]

_FIRST_FORM_RANK = 4  # the form with an output shape has four numbers in each list
_ROW_MAJOR = (DataType.FLOAT32, DataType.BFLOAT16, DataType.INT32, DataType.UINT32, DataType.UINT16)
_TILED = (*_ROW_MAJOR, DataType.BFLOAT8_B)


@operation("ttnn.pad")
def pad(
    input_tensor: Tensor,
    padding: Any = None,
    start: Any = None,
    fill: Any = None,
    *,
    value: float | None = None,
    output_padded_shape: Any = None,
    input_tensor_start: Any = None,
    use_multicore: bool = True,
    memory_config: MemoryConfig | None = None,
    sub_core_grids: Any = None,
) -> Tensor:
    """Add elements around a tensor.

    Two forms: ``pad(x, [(front, back), ...], value)``, a pair for each of the last dimensions, and
    ``pad(x, output_padded_shape, input_tensor_start, value)`` for four dimensions.

    Args:
        input_tensor: any shape; tiles take no padding in front.
        padding: pairs, or the output's shape.
        start: the value, or where the input starts in the output.
        fill: the value in the second form.
        value: the value by keyword.
        output_padded_shape: the output's shape by keyword.
        input_tensor_start: where the input starts, by keyword.
        use_multicore: accepted.
        memory_config: output memory; that of the input if left out. TTNN ignores it where the
            tiles stay the same ones, and so does this.
        sub_core_grids: accepted.

    Raises:
        OperationRefused: front padding of tiles, more pairs than dimensions, an output that is
            smaller than the input, or host tensors that TTNN leaves unpadded.
    """
    del use_multicore, sub_core_grids
    x = input_tensor
    given = [v for v in (padding, start, fill, value) if v is not None]
    if output_padded_shape is not None:
        given[:0] = [output_padded_shape, input_tensor_start]
    pairs, number = _pairs(x, given)
    if x.layout is Layout.TILE and any(front for front, _ in pairs):
        raise OperationRefused(
            "ttnn.pad: on device tile padding does not support front padding",
            "Convert the tensor with ttnn.to_layout(tensor, ttnn.ROW_MAJOR_LAYOUT).",
        )
    if not any(front or back for front, back in pairs):
        # TTNN returns the tensor before it looks at its memory.
        return x.view(x.value, x.spec) if x.is_allocated() else x
    flat = [n for pair in reversed(pairs) for n in pair]
    if x.storage_type() is StorageType.HOST:
        _check_host(x)
        padded = torch.nn.functional.pad(x.value, flat, value=number)
        return Tensor.on_host(padded, tensor_spec(tuple(padded.shape), x.dtype, x.layout))
    device = require_device(x)
    memory = memory_config or x.memory_config()
    in_place = _check_device(x, pairs)
    if in_place and not x.is_sharded():
        memory = x.memory_config()
    elif x.layout is Layout.TILE and not in_place and memory.is_sharded():
        target = [size + back for size, (_, back) in zip(x.spec.shape, pairs, strict=True)]
        widened = widened_memory(x, padded_shape(target, x.layout))
        memory = memory_config or widened
    return emit(
        torch.nn.functional.pad(x.value, flat, value=number),
        device,
        dtype=x.dtype,
        layout=x.layout,
        memory_config=memory,
    )


def check_slices(x: Tensor) -> None:
    """Refuse shards of several matrices whose tiles are not full: TTNN fills those of one only.

    Raises:
        OperationRefused: it is such a tensor.
    """
    matrices = math.prod(x.spec.shape[:-2])
    if x.is_sharded() and matrices > 1 and needs_padding(x.spec):
        raise OperationRefused(
            f"FillPadL1ShardedProgramFactory: N_slices > 1 not yet supported (got {matrices})",
            "Move it to interleaved memory with ttnn.to_memory_config.",
        )


def widened_memory(x: Tensor, target: Sequence[int]) -> MemoryConfig:
    """The memory of a tensor with more tiles: shards of rows become wider, and even ones.

    TTNN counts the rows of the tensor without its padding, and pads them after the columns.

    Args:
        x: the input.
        target: padded shape of the result.

    Raises:
        OperationRefused: the wider shards, or their rows, would not be whole tiles.
    """
    memory = x.memory_config()
    shape = x.spec.shape
    is_by_rows = memory.memory_layout is TensorMemoryLayout.HEIGHT_SHARDED
    if memory.shard_spec is None or not is_by_rows or not shape or shape[-1] == target[-1]:
        return memory
    wide = _even_rows(memory.shard_spec, math.prod(shape[:-1]), target[-1])
    if math.prod(shape[-2:-1]) % TILE_SIZE:
        raise OperationRefused(
            "Can only pad tilized tensor with full tiles",
            "Pad the rows first, or move it to interleaved memory with ttnn.to_memory_config.",
            shape=shape,
        )
    if math.prod(shape[:-1]) != math.prod(target[:-1]):
        wide = _even_rows(memory.shard_spec, math.prod(target[:-1]), target[-1])
    return MemoryConfig(memory.memory_layout, memory.buffer_type, wide)


def _even_rows(shards: ShardSpec, rows: int, columns: int) -> ShardSpec:
    """Shards of as many rows for each core, checked to be whole tiles."""
    even = ShardSpec(
        shards.grid, (-(-rows // shards.num_cores()), columns), ShardOrientation.ROW_MAJOR
    )
    check_tiles(even)
    return even


def _check_host(x: Tensor) -> None:
    if x.layout is Layout.TILE or len(x.spec.shape) == _FIRST_FORM_RANK:
        raise WrongInTTNN(
            "Host tensors of tiles or of rank 4 keep their shape, without an error.",
            "Pad before ttnn.from_torch, or on the device.",
            shape=x.spec.shape,
        )


def _check_device(x: Tensor, pairs: Pairs) -> bool:
    """Refuse what TTNN refuses; tells whether the tiles stay the same, and only their padding goes.

    Raises:
        OperationRefused: the dtype, or a vector that needs more tiles.
        WouldCrash: rows without elements.
    """
    shape = x.spec.shape
    if x.layout is Layout.ROW_MAJOR:
        if x.dtype not in _ROW_MAJOR:
            raise OperationRefused(
                "Cannot pad RM tensor with specified format", "Convert it with ttnn.typecast."
            )
        if shape[-1] + sum(pairs[-1]) == 0:
            raise WouldCrash("The rows have no elements.", "Give a last dimension of 1 or more.")
        return False
    check_slices(x)
    target = tuple(size + back for size, (_, back) in zip(shape, pairs, strict=True))
    in_place = padded_shape(target, Layout.TILE) == x.spec.padded_shape
    if in_place:
        if x.dtype is DataType.UINT8:
            raise OperationRefused(
                "Unsupported datatype DataType::UINT8", "Convert it with ttnn.typecast."
            )
        return True
    if x.dtype not in _TILED:
        raise OperationRefused(
            "Cannot pad tilized tensor with specified format", "Convert it with ttnn.typecast."
        )
    if len(shape) == 1:
        raise OperationRefused(
            "MeshBuffer must be large enough to hold the tensor.",
            "Give tiles of rank 2 or more, or pad row major.",
        )
    return False


def _pairs(x: Tensor, given: Sequence[Any]) -> tuple[Pairs, float]:
    """The arguments of either form as one pair for each dimension, and the value.

    Raises:
        IncompatibleArguments: they are neither form.
        OperationRefused: more numbers than dimensions, or an output that is too small.
    """
    shape = x.spec.shape
    *lists, number = given or (None,)
    if not isinstance(number, (int, float)) or any(
        not isinstance(v, (list, tuple, Shape)) for v in lists
    ):
        raise IncompatibleArguments
    if len(lists) == 1:
        pairs = [_pair(p) for p in lists[0]]
    elif len(lists) == 2:
        pairs = _from_shape(x, *([int(n) for n in _sizes(v)] for v in lists))
    else:
        raise IncompatibleArguments
    if len(pairs) > len(shape):
        raise OperationRefused(
            "ttnn.pad: padding len can't be larger than input tensor rank",
            f"The tensor has {len(shape)} dimensions.",
        )
    return [(0, 0)] * (len(shape) - len(pairs)) + pairs, float(number)


def _pair(given: Any) -> tuple[int, int]:
    if not isinstance(given, (list, tuple)) or len(given) != 2:
        raise IncompatibleArguments
    front, back = _sizes(given)
    return front, back


def _sizes(given: Any) -> Sequence[int]:
    if any(not isinstance(n, int) or n < 0 for n in given):
        raise IncompatibleArguments
    return given  # type: ignore[no-any-return]


def _from_shape(x: Tensor, target: Sequence[int], starts: Sequence[int]) -> Pairs:
    if len(target) != _FIRST_FORM_RANK or len(starts) != _FIRST_FORM_RANK:
        raise IncompatibleArguments
    shape = x.spec.shape
    rank = len(shape)
    if rank != _FIRST_FORM_RANK:
        raise OperationRefused(
            f"ShapeBase[] index out of range. {rank} not in [-4, {rank})",
            "This form is for four dimensions: give pairs of front and back instead.",
            shape=shape,
        )
    pairs = [(s, t - n - s) for s, t, n in zip(starts, target, shape, strict=True)]
    if any(back < 0 for _, back in pairs):
        refusal = OperationRefused if x.layout is Layout.ROW_MAJOR else WrongInTTNN
        raise refusal(
            "Output size cannot fit input with offset",
            f"Give at least {[n + s for n, s in zip(shape, starts, strict=True)]}.",
            target=tuple(target),
        )
    return pairs
