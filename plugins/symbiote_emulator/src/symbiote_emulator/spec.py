"""Tensor specifications: shape, dtype, layout, memory, and what follows from them."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Final

import attrs

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.numerics import BLOCK_FLOATS, ELEMENT_SIZE, TILE_BYTES
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    TILE_SIZE,
    BufferType,
    DataType,
    Layout,
    MemoryConfig,
    ShardOrientation,
    ShardSpec,
    TensorMemoryLayout,
)

L1_ALIGNMENT: Final = 16
"""Bytes of which a page in L1 takes a multiple."""
_DRAM_ALIGNMENT = 32
_WORD_BYTES = 4
_BANK_ALIGNMENT = 32  # measured: a 10 byte page takes 32 bytes of a bank


@attrs.frozen(eq=False)
class TensorSpec:
    """An immutable, validated specification. Make it with :func:`tensor_spec`, which caches.

    Attributes:
        shape: logical shape.
        padded_shape: the shape in memory: the last two dimensions of tiles are multiples of 32.
        dtype: element type.
        layout: row major or tile.
        memory_config: where and how.
        page_bytes: bytes of a page: of a tile, or of a row.
        pages: how many there are.
        nbytes: bytes of all pages, padding included.
    """

    shape: tuple[int, ...]
    padded_shape: tuple[int, ...]
    dtype: DataType
    layout: Layout
    memory_config: MemoryConfig
    page_bytes: int
    pages: int
    nbytes: int = attrs.field(init=False)

    @nbytes.default
    def _count_bytes(self) -> int:
        return self.page_bytes * self.pages

    @property
    def buffer_type(self) -> BufferType:
        """The memory that the tensor lives in when it is on a device."""
        return self.memory_config.buffer_type

    @functools.lru_cache(maxsize=8192)  # noqa: B019 - specifications are cached themselves
    def bytes_per_bank(self, banks: int) -> int:
        """Bytes that each bank must have free: pages are dealt to banks in turn, shards to cores.

        Args:
            banks: banks of the buffer type.
        """
        shard = self.memory_config.shard_spec
        if shard is not None:
            return _align(_shard_bytes(self, shard), _BANK_ALIGNMENT)
        alignment = L1_ALIGNMENT if self.buffer_type is BufferType.L1 else _DRAM_ALIGNMENT
        per_bank = -(-self.pages // banks)
        return _align(per_bank * _align(self.page_bytes, alignment), _BANK_ALIGNMENT)

    def replace(
        self,
        *,
        shape: Sequence[int] | None = None,
        dtype: DataType | None = None,
        layout: Layout | None = None,
        memory_config: MemoryConfig | None = None,
    ) -> TensorSpec:
        """The same specification with some parts changed, validated again."""
        return tensor_spec(
            self.shape if shape is None else tuple(shape),
            dtype or self.dtype,
            layout or self.layout,
            memory_config or self.memory_config,
        )


@functools.lru_cache(maxsize=8192)
def tensor_spec(
    shape: tuple[int, ...],
    dtype: DataType,
    layout: Layout,
    memory_config: MemoryConfig = DRAM_MEMORY_CONFIG,
) -> TensorSpec:
    """Validate and complete a specification.

    Args:
        shape: logical shape, any rank, sizes may be 0.
        dtype: element type; block floats need tiles, FP8_E4M3 needs row major.
        layout: row major or tile; INVALID is tile, as in TTNN.
        memory_config: sharded layouts need a shard specification.

    Raises:
        OperationRefused: dtype and layout don't go together, or the shards don't fit.
    """
    if layout is Layout.INVALID:
        layout = Layout.TILE
    if dtype in BLOCK_FLOATS and layout is not Layout.TILE:
        # TTNN names BFLOAT8_B for both block floats.
        raise OperationRefused(
            "Only TILE layout is supported for BFLOAT8_B dtype!",
            "Use ttnn.TILE_LAYOUT, or another dtype.",
            dtype=dtype,
            layout=layout,
        )
    if dtype is DataType.FP8_E4M3 and layout is not Layout.ROW_MAJOR:
        raise OperationRefused(
            "Only ROW_MAJOR layout is supported for FP8_E4M3 dtype!",
            "Use ttnn.ROW_MAJOR_LAYOUT, or another dtype.",
            dtype=dtype,
            layout=layout,
        )
    if dtype is DataType.INVALID:
        raise OperationRefused(
            "Only UINT32, INT32, FLOAT32, UINT16, UINT8, INT8, BFLOAT16, BFLOAT8_B, BFLOAT4_B, or "
            "FP8_E4M3 dtypes are supported on device!",
            "Use one of these dtypes.",
            dtype=dtype,
        )
    padded = padded_shape(shape, layout, memory_config)
    volume = math.prod(padded)
    if memory_config.is_sharded():
        _check_shards(padded, layout, memory_config)
        if layout is Layout.ROW_MAJOR and not volume:
            _check_empty_rows(padded[-1], dtype)
    if layout is Layout.TILE:
        page, pages = TILE_BYTES[dtype], volume // (TILE_SIZE * TILE_SIZE)
    else:
        width = padded[-1]
        page, pages = width * ELEMENT_SIZE[dtype], volume // width if width else 0
    return TensorSpec(shape, padded, dtype, layout, memory_config, page, pages)


def padded_shape(
    shape: Sequence[int], layout: Layout, memory_config: MemoryConfig = DRAM_MEMORY_CONFIG
) -> tuple[int, ...]:
    """The shape in memory.

    Tiles pad the last two dimensions to multiples of 32 and have at least two; a row-major scalar
    has shape [1]; rows of a row-major sharded tensor are padded to whole shards.
    """
    dims = tuple(shape)
    if layout is Layout.TILE:
        dims = (1,) * (2 - len(dims)) + dims
        return (*dims[:-2], _align(dims[-2], TILE_SIZE), _align(dims[-1], TILE_SIZE))
    if not dims:
        return (1,)
    shard = memory_config.shard_spec
    if shard is not None and shard.shape[-1]:
        return (*dims[:-1], _align(dims[-1], shard.shape[-1]))
    return dims


def check_tiles(shard: ShardSpec) -> None:
    """Refuse shards that are not whole tiles.

    Raises:
        OperationRefused: height or width is no multiple of 32.
    """
    height, width = shard.shape
    if height % TILE_SIZE or width % TILE_SIZE:
        raise OperationRefused(
            f"Physical shard shape ({height}, {width}) must be tile {{32, 32}} sized!",
            "Round the shard shape up to multiples of 32.",
            shard_shape=(height, width),
        )


def _align(value: int, step: int) -> int:
    return -(-value // step) * step


def _shard_bytes(spec: TensorSpec, shard: ShardSpec) -> int:
    height, width = shard.shape
    if spec.layout is Layout.TILE:
        return (height // TILE_SIZE) * (width // TILE_SIZE) * TILE_BYTES[spec.dtype]
    return height * width * ELEMENT_SIZE[spec.dtype]


def _check_shards(padded: tuple[int, ...], layout: Layout, config: MemoryConfig) -> None:
    shard = config.shard_spec
    if shard is None:
        raise OperationRefused(
            "bad optional access",
            "Give the memory config a shard_spec.",
            memory_config=config,
        )
    height, width = shard.shape
    if not height or not width:
        raise OperationRefused(
            "Shard shape must have non zero volume!", "Give shards of one element or more."
        )
    if layout is Layout.TILE:
        check_tiles(shard)
    total_height, total_width = math.prod(padded[:-1]), padded[-1]
    problem = _shard_problem(config.memory_layout, shard, total_height, total_width)
    if problem:
        raise OperationRefused(
            problem,
            "Choose a shard shape and a core grid that cover the padded tensor "
            f"({total_height} x {total_width} elements).",
            shard_shape=(height, width),
            physical_shape=(total_height, total_width),
        )
    if layout is Layout.ROW_MAJOR and len(padded) == 1 and height != 1:
        raise OperationRefused(
            "Shard shape must be 1D for 1D tensor!",
            "Give shards of one row.",
            shard_shape=(height, width),
        )


def _check_empty_rows(width: int, dtype: DataType) -> None:
    """Refuse shards of no rows of a width that is no whole number of words."""
    page = max(_WORD_BYTES // ELEMENT_SIZE[dtype], 1)
    if width % page:
        raise OperationRefused(
            f"Physical width {width} must be multiple of page width {page}",
            "Leave the memory config out where there are no elements.",
            width=width,
        )


def _shard_problem(
    memory_layout: TensorMemoryLayout, shard: ShardSpec, total_height: int, total_width: int
) -> str | None:
    height, width = shard.shape
    down = -(-total_height // height) if height else 0
    across = -(-total_width // width) if width else 0
    cores = shard.num_cores()
    if memory_layout is TensorMemoryLayout.HEIGHT_SHARDED:
        if width != total_width:
            return f"Shard width {width} must match physical width {total_width} for height sharded"
        if down > cores:
            return f"Number of shards along height {down} must not exceed number of cores {cores}"
    elif memory_layout is TensorMemoryLayout.WIDTH_SHARDED:
        if height != total_height:
            return (
                f"Shard height {height} must match physical height {total_height} for width sharded"
            )
        if across > cores:
            return f"Number of shards along width {across} must not exceed number of cores {cores}"
    elif memory_layout is TensorMemoryLayout.BLOCK_SHARDED:
        grid = shard.grid.bounding_box().grid_size()
        by_row = shard.orientation is ShardOrientation.ROW_MAJOR
        rows, columns = (grid.y, grid.x) if by_row else (grid.x, grid.y)
        order = "row" if by_row else "column"
        names = ("rows", "columns") if by_row else ("columns", "rows")
        if down > rows:
            return (
                f"Number of shards along height {down} must not exceed number of {names[0]} "
                f"{rows} for {order} major orientation!"
            )
        if across > columns:
            return (
                f"Number of shards along width {across} must not exceed number of {names[1]} "
                f"{columns} for {order} major orientation!"
            )
    return None
