"""Strategies for the parts of a call: shapes, dtypes, layouts, memory, tensors, dims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st

from symbiote_conformance.strategies.describe import Described, memory_config, tensor

MAX_VOLUME: Final = 20_000
"""Elements of a generated tensor: enough for several tiles each way, small enough to be quick."""

FLOATS: Final = ("bfloat16", "float32", "bfloat8_b", "bfloat4_b")
INTEGERS: Final = ("int32", "uint32", "uint16", "uint8")
BLOCK_FLOATS: Final = ("bfloat8_b", "bfloat4_b")

_SIZES: Final = (1, 2, 3, 5, 8, 16, 17, 31, 32, 33, 40, 48, 63, 64, 65, 80, 96, 128)
_COUNTS: Final = (1, 2, 3, 4, 5, 8)


def weighted(*choices: tuple[int, Any]) -> st.SearchStrategy[Any]:
    """One of the values, each as often as its weight says; shrinks to the first.

    Args:
        *choices: (weight, value); a value that is a strategy is drawn from.
    """
    options = [value for weight, value in choices for _ in range(weight)]
    drawn = [v if isinstance(v, st.SearchStrategy) else st.just(v) for v in options]
    return st.integers(0, len(drawn) - 1).flatmap(drawn.__getitem__)


sizes = st.sampled_from(_SIZES)
"""Of the last two dims: on the grid of 32, beside it, and 1."""

counts = st.sampled_from(_COUNTS)
"""Of leading dims."""

float_dtypes = weighted((12, "bfloat16"), (4, "float32"), (3, "bfloat8_b"), (1, "bfloat4_b"))
integer_dtypes = weighted((4, "int32"), (3, "uint32"), (2, "uint16"), (1, "uint8"))
dtypes = weighted((5, float_dtypes), (1, integer_dtypes))
layouts = weighted((6, "tile"), (1, "rm"))
places = weighted((7, "dram"), (2, "l1"))
"""Memory of operands and results that nobody shards."""


@st.composite
def shapes(
    draw: st.DrawFn, min_rank: int = 1, max_rank: int = 4, max_volume: int = MAX_VOLUME
) -> tuple[int, ...]:
    """A shape of small leading dims; the volume is at most ``max_volume``."""
    rank = draw(st.integers(min_rank, max_rank))
    matrix = [draw(sizes) for _ in range(min(rank, 2))]
    lead = [draw(counts) for _ in range(rank - len(matrix))]
    shape = [*lead, *matrix]
    while math.prod(shape) > max_volume:
        largest = shape.index(max(shape))
        shape[largest] = max(1, shape[largest] // 2)
    return tuple(shape)


@st.composite
def tensors(
    draw: st.DrawFn,
    shape: st.SearchStrategy[Sequence[int]] | None = None,
    dtype: st.SearchStrategy[str] = dtypes,
    layout: st.SearchStrategy[str] = layouts,
    memory: st.SearchStrategy[Any] = places,
) -> Described:
    """A device tensor; block floats are always tiles."""
    drawn = draw(dtype)
    order = draw(layout)
    return tensor(
        draw(shapes() if shape is None else shape),
        drawn,
        "tile" if drawn in BLOCK_FLOATS else order,
        draw(memory),
    )


def shards(shape: Sequence[int], columns: int = 1, rows: int = 1) -> dict[str, Any]:
    """Height or block shards of a tile tensor of this shape on ``columns`` x ``rows`` cores."""
    height = math.prod(shape[:-2]) * -(-shape[-2] // 32) * 32
    tiles_high, tiles_wide = -(-height // 32), -(-shape[-1] // 32)
    kind = "HEIGHT_SHARDED" if columns == 1 else "BLOCK_SHARDED"
    return {
        "sh": kind,
        "g": [columns, rows],
        "s": [-(-tiles_high // rows) * 32, -(-tiles_wide // columns) * 32],
        "o": "ROW_MAJOR",
        "b": "L1",
    }


memory_configs = weighted((4, "dram"), (4, "l1"), (1, "l1_hs")).map(memory_config)
"""Interleaved in DRAM or L1; rarely sharded without a shard specification."""


@st.composite
def broadcasts(draw: st.DrawFn, shape: Sequence[int]) -> tuple[int, ...]:
    """A shape that broadcasts with ``shape``: some dims 1, leading ones left out."""
    kept = list(shape)[draw(weighted((4, 0), (1, st.integers(0, len(shape) - 1)))) :]
    if draw(weighted((3, True), (2, False))):
        return tuple(kept)
    return tuple(n if draw(st.booleans()) else 1 for n in kept)


def dims(rank: int) -> st.SearchStrategy[int]:
    """A dim of a tensor, counted from either end; rarely out of range."""
    return weighted((15, st.integers(-rank, rank - 1)), (1, rank), (1, -rank - 1))


@st.composite
def keywords(draw: st.DrawFn, /, **optional: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Some of these keyword arguments, each a quarter of the time."""
    return {
        name: draw(values)
        for name, values in optional.items()
        if draw(weighted((3, False), (1, True)))
    }


fidelities = st.sampled_from(["LoFi", "HiFi2", "HiFi3", "HiFi4"])
