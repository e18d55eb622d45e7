"""Operands, float64 goldens and the tolerances that operations are held to.

The tolerances: a move is bit equal; a sum, difference or product is within half an ulp; a unary
within one ulp; norms, softmax and means within one ulp, or 2^-7 of the largest value of the row
where terms cancel; a product of matrices within 2^-8 |g| + 2^-18 (|X| @ |W|). Ulps are bfloat16's.
"""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import settings
from hypothesis import strategies as st

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


def ulp(golden: torch.Tensor) -> torch.Tensor:
    """The distance of bfloat16 values around ``golden``."""
    exponent = golden.abs().clamp(min=2.0**-126).log2().floor()
    return torch.exp2(exponent - 7)


def assert_within(actual: Any, golden: torch.Tensor, bound: torch.Tensor) -> None:
    """``actual`` is nowhere further from ``golden`` than ``bound``."""
    error = (stored(actual) - golden).abs()
    worst = (error - bound).max() if error.numel() else torch.tensor(-1.0)
    assert worst <= 0, f"{float(error.max())} off, allowed {float(bound.max())}"
