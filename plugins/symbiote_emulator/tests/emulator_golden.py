"""Operands, stored values and settings that the tests of operations share.

The tolerances are those of `symbiote_conformance.tolerances`.
"""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import settings
from hypothesis import strategies as st

from symbiote_conformance import tolerances
from symbiote_emulator import ttnn

property_test = settings(max_examples=30, deadline=None)

shapes = st.lists(st.integers(1, 40), min_size=1, max_size=4).map(tuple)
"""Ranks 1 to 4, off the grid of 32 and beyond it."""

matrices = st.tuples(st.integers(1, 3), st.integers(1, 70), st.integers(1, 70))
seeds = st.integers(0, 2**16)


def values(shape: Any, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    """Normal values, exact in bfloat16."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(tuple(shape), generator=generator) * scale).bfloat16().float()


def on_device(
    tensor: torch.Tensor, device: Any, dtype: Any = ttnn.bfloat16, layout: Any = ttnn.TILE_LAYOUT
) -> Any:
    """A device tensor of these values."""
    return ttnn.from_torch(tensor, dtype=dtype, layout=layout, device=device)


def stored(tensor: Any) -> torch.Tensor:
    """The stored values in float64."""
    return ttnn.to_torch(tensor).double()


def sharded(
    device: Any, value: torch.Tensor, kind: str, grid: tuple[int, int], shard: tuple[int, int]
) -> Any:
    """Tiles in L1, a shard of this shape on each core of a grid of columns and rows."""
    end = ttnn.CoreCoord(grid[0] - 1, grid[1] - 1)
    cores = ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), end)])
    spec = ttnn.ShardSpec(cores, shard, ttnn.ShardOrientation.ROW_MAJOR)
    layout = getattr(ttnn.TensorMemoryLayout, f"{kind}_SHARDED")
    memory = ttnn.MemoryConfig(layout, ttnn.BufferType.L1, spec)
    return ttnn.to_memory_config(on_device(value, device), memory)


def shards_of(tensor: Any) -> tuple[int, tuple[int, ...]]:
    """Cores, and the shape of a shard."""
    spec = tensor.memory_config().shard_spec
    return spec.grid.num_cores(), tuple(spec.shape)


def assert_within(actual: Any, golden: torch.Tensor, bound: torch.Tensor) -> None:
    """The stored values of ``actual`` are nowhere further from ``golden`` than ``bound``."""
    tolerances.assert_within(stored(actual), golden, bound)
