"""The shards of results: where TTNN chooses them itself, and where it refuses those it has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from symbiote_emulator.device import Device
from symbiote_emulator.errors import NotImitated, OperationRefused, WouldCrash
from symbiote_emulator.spec import TensorSpec, padded_shape
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    TILE_SIZE,
    BufferType,
    CoreCoord,
    CoreRange,
    CoreRangeSet,
    Layout,
    MemoryConfig,
    ShardOrientation,
    ShardSpec,
    TensorMemoryLayout,
)


def output_memory(
    asked: MemoryConfig | None,
    operands: Sequence[Tensor],
    shape: Sequence[int],
    layout: Layout,
    device: Device,
    *,
    counted: Layout | None = None,
    columns: int = 1,
) -> MemoryConfig:
    """The memory of a result of one, two or three operands.

    Args:
        asked: the caller's ``memory_config``; a sharded one may leave its shards out.
        operands: the tensors of the call, first to last.
        shape: logical shape of the result.
        layout: layout of the result.
        device: whose cores hold the shards.
        counted: layout in which TTNN counts rows and columns; that of the result if left out.
        columns: of row-major shards of columns, a multiple of which each holds.
    """
    if asked is not None and (asked.shard_spec is not None or not asked.is_sharded()):
        return asked
    first = operands[0]
    if asked is None and all(t.memory_config().interleaved for t in operands):
        return first.memory_config()
    source = _largest(operands)
    if source is None:
        assert asked is not None  # nothing is sharded, so only the caller can have asked for it
        extent = padded_shape(shape, counted or layout)
        shards = over_all_cores(asked.memory_layout, extent, layout, device, columns=columns)
        return MemoryConfig(asked.memory_layout, asked.buffer_type, shards)
    memory = source.memory_config()
    if asked is None and len(operands) < 3 and _stays_interleaved(first):
        return first.memory_config()
    kind = asked if asked is not None and len(operands) != 2 else memory
    shards = resized(source, padded_shape(shape, layout), layout)
    return MemoryConfig(kind.memory_layout, kind.buffer_type, shards)


def require_same_memory_layout(source: MemoryConfig, target: MemoryConfig) -> None:
    """Refuse to convert between interleaved memory and shards, or shards of another kind.

    Raises:
        OperationRefused: the memory layouts differ.
    """
    before, after = source.memory_layout, target.memory_layout
    if before is not after:
        raise OperationRefused(
            "Typecast operation requires Input and Output memory layout to match. Input layout: "
            f"TensorMemoryLayout::{before.name}, Output layout: TensorMemoryLayout::{after.name}",
            "Use ttnn.to_memory_config.",
        )


def require_same_extent(x: Tensor, shape: Sequence[int]) -> None:
    """Refuse a sharded result whose rows or columns in memory are not as many as the input's.

    Args:
        x: the input.
        shape: logical shape of the result.

    Raises:
        NotImitated: TTNN would choose other shards.
    """
    if not x.is_sharded() or x.layout is not Layout.TILE:
        return
    old, new = x.spec.padded_shape, padded_shape(shape, x.layout)
    is_vector = len(shape) < 2  # sharded by TTNN across its width
    if is_vector or old[-1] != new[-1] or math.prod(old[:-1]) != math.prod(new[:-1]):
        raise NotImitated(
            "The input is sharded, and its rows or columns in memory change in number.",
            "Move it to interleaved memory with ttnn.to_memory_config.",
        )


def require_filled_blocks(x: Tensor, shape: Sequence[int]) -> None:
    """Refuse a result of other blocks than the input's, which has some on more cores than it fills.

    Args:
        x: the input.
        shape: logical shape of the result.

    Raises:
        NotImitated: TTNN would choose other shards.
    """
    memory, new = x.memory_config(), padded_shape(shape, x.layout)
    shards = memory.shard_spec
    if memory.memory_layout is not TensorMemoryLayout.BLOCK_SHARDED or shards is None:
        return
    filled = -(-math.prod(new[:-1]) // shards.shape[0]) * -(-new[-1] // shards.shape[1])
    if x.layout is Layout.TILE and filled < shards.grid.num_cores():
        raise NotImitated(
            "The input is sharded, over more cores than it fills.",
            "Move it to interleaved memory with ttnn.to_memory_config.",
        )


def check_padding_in_shards(spec: TensorSpec, memory_config: MemoryConfig | None) -> None:
    """Refuse to take off padding that lies in blocks of several matrices, or in other shards.

    Raises:
        OperationRefused: several matrices in blocks.
        NotImitated: shards of columns, or shards that are higher than they have to be, of which
            TTNN makes shards of its own choice.
    """
    shards, kind = spec.memory_config.shard_spec, spec.memory_config.memory_layout
    if shards is None or spec.padded_shape[-2:] == spec.shape[-2:]:
        return
    advice = "Move it to interleaved memory with ttnn.to_memory_config first."
    if kind is TensorMemoryLayout.BLOCK_SHARDED and math.prod(spec.padded_shape[:-2]) > 1:
        raise OperationRefused(
            "input_tensor_a.physical_volume() / (input_tensor_a.padded_shape()[-2] * "
            "input_tensor_a.padded_shape()[-1]) == 1",
            advice,
        )
    rows = math.prod(spec.padded_shape[:-1])
    if kind is TensorMemoryLayout.WIDTH_SHARDED:
        chosen = rows != math.prod(spec.shape[:-1])
    else:
        shares = rows > spec.padded_shape[-2] != spec.shape[-2]
        several = shares and shards.shape[0] > spec.padded_shape[-2]
        chosen = memory_config is None and (several or _is_higher_than_needed(shards, kind, rows))
    if chosen:
        raise NotImitated("Padding lies in shards.", advice)


def _is_higher_than_needed(shards: ShardSpec, kind: TensorMemoryLayout, rows: int) -> bool:
    """Whether shards that are lower by a tile would hold all rows, too."""
    grid = shards.grid.bounding_box().grid_size()
    blocks = kind is TensorMemoryLayout.BLOCK_SHARDED
    by_rows = shards.orientation is ShardOrientation.ROW_MAJOR
    count = (grid.y if by_rows else grid.x) if blocks else shards.grid.num_cores()
    return (shards.shape[0] - TILE_SIZE) * count >= rows


def refuse_dram_blocks(*memories: MemoryConfig) -> None:
    """Refuse blocks in DRAM, which can be made and not moved.

    Raises:
        OperationRefused: one of them has some.
    """
    for memory in memories:
        blocks = memory.memory_layout is TensorMemoryLayout.BLOCK_SHARDED
        if blocks and memory.buffer_type is BufferType.DRAM:
            raise OperationRefused(
                "We don't support DRAM block sharding", "Shard it by height or width, or in L1."
            )


def refuse_spare_columns(tensor: Tensor, asked: MemoryConfig) -> None:
    """Refuse rows in shards of other columns if some cores have none, behind one that is not full.

    Raises:
        WouldCrash: TTNN counts the columns of those cores, and gets less than 0.
    """
    memory = tensor.memory_config()
    before, after = memory.shard_spec, asked.shard_spec
    kind = memory.memory_layout
    if tensor.layout is Layout.TILE or kind is TensorMemoryLayout.HEIGHT_SHARDED:
        return
    if before is None or after is None or kind is not asked.memory_layout:
        return
    if BufferType.DRAM in (memory.buffer_type, asked.buffer_type):
        return
    part, width = before.shape[1], tensor.spec.shape[-1]
    columns = before.num_cores()
    if kind is TensorMemoryLayout.BLOCK_SHARDED:
        grid = before.grid.bounding_box().grid_size()
        columns = grid.x if before.orientation is ShardOrientation.ROW_MAJOR else grid.y
    if part != after.shape[1] and width % part and columns * part >= width + part:
        raise WouldCrash(
            "Cores without columns, behind a shard that is not full.",
            "Shard it over as many cores as there are shards.",
        )


def resized(source: Tensor, target: Sequence[int], layout: Layout) -> ShardSpec:
    """The shards of a tensor, in proportion, for a result of another padded shape.

    Args:
        source: a sharded tensor.
        target: padded shape of the result.
        layout: layout of the result; shards of tiles are whole tiles.
    """
    shards, sizes = _in_proportion(source, source.spec.padded_shape, target)
    step = TILE_SIZE if layout is Layout.TILE else 1
    shape = [_round_up(-(-size.numerator // size.denominator), step) for size in sizes]
    return ShardSpec(shards.grid, shape, shards.orientation)


def divides(source: Tensor, shape: Sequence[int]) -> bool:
    """Whether shards in proportion to logical shapes are whole tiles; see `resized`."""
    _, sizes = _in_proportion(source, source.spec.shape, shape)
    return all(int(size) >= TILE_SIZE and int(size) % TILE_SIZE == 0 for size in sizes)


def _in_proportion(
    source: Tensor, old: Sequence[int], new: Sequence[int]
) -> tuple[ShardSpec, list[Fraction]]:
    """The shards of a tensor, and their height and width when its shape changes."""
    shards = source.memory_config().shard_spec
    assert shards is not None  # a sharded tensor has some
    height = Fraction(shards.shape[0] * math.prod(new[:-1]), math.prod(old[:-1]))
    return shards, [height, Fraction(shards.shape[1] * new[-1], old[-1])]


def evenly(memory: MemoryConfig, target: Sequence[int], layout: Layout) -> ShardSpec:
    """Shards of even size on the cores of a sharded memory.

    Args:
        memory: whose cores, orientation and direction count.
        target: padded shape of the result.
        layout: layout of the result; shards of tiles are whole tiles.
    """
    shards = memory.shard_spec
    assert shards is not None  # a sharded memory has some
    down, across = shards.grid.num_cores(), 1
    if memory.memory_layout is TensorMemoryLayout.WIDTH_SHARDED:
        down, across = across, down
    elif memory.memory_layout is TensorMemoryLayout.BLOCK_SHARDED:
        box = shards.grid.bounding_box().grid_size()  # TTNN does not look at the orientation here
        down, across = box.y, box.x
    step = TILE_SIZE if layout is Layout.TILE else 1
    height = _round_up(-(-math.prod(target[:-1]) // down), step)
    width = _round_up(-(-target[-1] // across), step)
    return ShardSpec(shards.grid, (height, width), shards.orientation)


def no_smaller_than_tiles(memory: MemoryConfig) -> MemoryConfig:
    """The same memory, whose shards, if any, are at least as high and as wide as a tile."""
    shards = memory.shard_spec
    if shards is None:
        return memory
    shape = [max(size, TILE_SIZE) for size in shards.shape]
    spec = ShardSpec(shards.grid, shape, shards.orientation)
    return MemoryConfig(memory.memory_layout, memory.buffer_type, spec)


def _stays_interleaved(first: Tensor) -> bool:
    memory = first.memory_config()
    return memory.interleaved and memory.buffer_type is BufferType.L1


def _largest(operands: Sequence[Tensor]) -> Tensor | None:
    """The sharded operand on the most cores, the first one of several."""
    found, most = None, 0
    for tensor in operands:
        shards = tensor.memory_config().shard_spec
        if shards is not None and shards.num_cores() > most:
            found, most = tensor, shards.num_cores()
    return found


def over_all_cores(
    kind: TensorMemoryLayout,
    padded: Sequence[int],
    layout: Layout,
    device: Device,
    orientation: ShardOrientation = ShardOrientation.ROW_MAJOR,
    *,
    columns: int = 1,
) -> ShardSpec:
    """Even shards over the whole grid, on as many cores as they take.

    Args:
        kind: by height, by width or both.
        padded: padded shape of the tensor.
        layout: layout of the tensor; shards of tiles are whole tiles.
        device: whose cores hold the shards.
        orientation: in which order the cores are taken.
        columns: of row-major shards of columns, a multiple of which each holds.

    Raises:
        OperationRefused: there are no elements, and not even rows or columns to shard along.
    """
    grid = device.compute_with_storage_grid_size()
    rows, width = math.prod(padded[:-1]), padded[-1]
    _check_elements(kind, rows, width)
    down, across = {
        TensorMemoryLayout.HEIGHT_SHARDED: (grid.x * grid.y, 1),
        TensorMemoryLayout.WIDTH_SHARDED: (1, grid.x * grid.y),
    }.get(kind, (grid.y, grid.x))
    step = TILE_SIZE if layout is Layout.TILE else 1
    wide = step
    if layout is not Layout.TILE and kind is TensorMemoryLayout.WIDTH_SHARDED:
        wide = columns
    shard = _round_up(-(-rows // down), step), _round_up(-(-width // across), wide)
    counts = (-(-width // shard[1]), -(-rows // shard[0]))
    if kind is TensorMemoryLayout.BLOCK_SHARDED:
        transposed = orientation is ShardOrientation.COL_MAJOR
        cores = [_rectangle(*(reversed(counts) if transposed else counts))]
    else:
        cores = _by_rows(max(math.prod(counts), 1), grid.x)
    return ShardSpec(CoreRangeSet(cores), shard, orientation)


def _check_elements(kind: TensorMemoryLayout, rows: int, columns: int) -> None:
    along = {TensorMemoryLayout.HEIGHT_SHARDED: columns, TensorMemoryLayout.WIDTH_SHARDED: rows}
    if not (rows and columns) and not along.get(kind):
        raise OperationRefused(
            "zero-volume specless-sharded is only representable for HEIGHT_SHARDED + non-zero "
            "width or WIDTH_SHARDED + non-zero height",
            "Leave the memory config out.",
            rows=rows,
            columns=columns,
        )


def _rectangle(columns: int, rows: int, first_row: int = 0) -> CoreRange:
    return CoreRange(CoreCoord(0, first_row), CoreCoord(columns - 1, first_row + rows - 1))


def _by_rows(count: int, columns: int) -> list[CoreRange]:
    """``count`` cores, row after row of the grid."""
    rows, rest = divmod(count, columns)
    whole = [_rectangle(columns, rows)] if rows else []
    return [*whole, _rectangle(rest, 1, rows)] if rest else whole


def _round_up(value: int, step: int) -> int:
    return max(-(-value // step) * step, step)
