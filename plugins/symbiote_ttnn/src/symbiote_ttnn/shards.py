"""How TTNN's decoding operations want memory and cores laid out."""

from __future__ import annotations

from typing import Any

from symbiote_ttnn.late import ttnn


def a_core_for_each_row(device: Any, rows: int, width: int) -> Any:
    """L1 memory with one tile row of ``width`` on each of ``rows`` cores, as TTNN counts them.

    TTNN's own splitting into heads fills the cores line by line; what is combined with its result
    has to lie on the same ones.

    Args:
        device: the device, for its grid of cores.
        rows: how many cores; at most those of the device.
        width: in elements, a multiple of 32.
    """
    grid = device.core_grid
    lines, rest = divmod(rows, grid.x)
    at, ranges = ttnn.CoreCoord, []
    if lines:
        ranges.append(ttnn.CoreRange(at(0, 0), at(grid.x - 1, lines - 1)))
    if rest:
        ranges.append(ttnn.CoreRange(at(0, lines), at(rest - 1, lines)))
    shard = ttnn.ShardSpec(ttnn.CoreRangeSet(ranges), [32, width], ttnn.ShardOrientation.ROW_MAJOR)
    return ttnn.MemoryConfig(ttnn.TensorMemoryLayout.HEIGHT_SHARDED, ttnn.BufferType.L1, shard)


MOST_ROWS = 32
"""The largest batch of single tokens that TTNN splits into heads."""

MOST_CORES = 64
"""Cores that TTNN's decoding attention can put on one key and value head."""


def attention_program(device: Any, rows: int, heads: int) -> Any:
    """TTNN's program configuration of the decoding attention, with an exact exponential.

    Args:
        device: the device, for its grid of cores.
        rows: how many sequences there are.
        heads: how many key and value heads each has.
    """
    grid = device.core_grid
    columns, lines = grid.x, grid.y
    if columns * lines > MOST_CORES * rows * heads:
        columns, lines = min(columns, 8), min(lines, 8)
    return ttnn.SDPAProgramConfig(
        compute_with_storage_grid_size=ttnn.CoreCoord(columns, lines),
        q_chunk_size=0,
        k_chunk_size=0,
        exp_approx_mode=False,
    )
