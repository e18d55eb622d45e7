"""The bounds, and what is said where values are beyond them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from symbiote_conformance import tolerances


@given(st.floats(2.0**-100, 2.0**100))
def test_an_ulp_is_the_distance_of_neighbours_in_bfloat16(x: float) -> None:
    low = torch.tensor(x).bfloat16()
    high = (low.view(torch.int16) + 1).view(torch.bfloat16)
    assert float(tolerances.ulp(low.double())) == float(high.double() - low.double())


def test_a_step_of_a_block() -> None:
    row = torch.zeros(1, 40, dtype=torch.float64)
    row[0, 3], row[0, 20] = 5.0, 0.3
    step = tolerances.block_float(row, "bfloat8_b")[0]
    assert set(step[:16].tolist()) == {2.0 ** (2 - 6)}
    assert set(step[16:32].tolist()) == {2.0 ** (-2 - 6)}
    assert float(tolerances.block_float(row, "bfloat4_b")[0, 0]) == 2.0 ** (2 - 2)
    assert tolerances.block_float(row[:0], "bfloat8_b").shape == (0, 40)


def test_what_is_too_far_is_told_with_its_place() -> None:
    golden = torch.ones(2, 3, dtype=torch.float64)
    actual = golden.clone()
    actual[1, 2] += 0.5
    tolerances.assert_within(golden, golden, tolerances.exact(golden))
    with pytest.raises(tolerances.ToleranceExceededError) as caught:
        tolerances.assert_within(actual, golden, torch.full((2, 3), 0.25).double())
    assert str(caught.value) == "0.5 off at [1, 2], allowed 0.25 (2.00 times the bound)."
    assert caught.value.index == (1, 2)


def test_nan_is_compared_by_class() -> None:
    golden = torch.tensor([1.0, math.nan, math.inf]).double()
    bound = tolerances.unary(torch.ones(3).double())
    assert tolerances.worst(golden, golden, bound) == 0.0
    assert tolerances.worst(torch.tensor([math.nan, math.nan, math.inf]), golden, bound) == math.inf
    assert tolerances.worst(torch.tensor([1.0, 1.0, math.inf]), golden, bound) == math.inf


def test_shapes_must_agree() -> None:
    golden = torch.ones(2, 3).double()
    with pytest.raises(ValueError, match=r"are \[3\], the golden is \[2, 3\]"):
        tolerances.assert_within(torch.ones(3), golden, golden)


@given(st.integers(0, 2**16))
def test_every_class_admits_its_own_rounding(seed: int) -> None:
    # Of float32: torch rounds float64 to bfloat16 by way of float32, which is two roundings.
    exact = torch.randn(64, 64, generator=torch.Generator().manual_seed(seed)).double()
    rounded = exact.bfloat16()
    for bound in (tolerances.sum_or_product(exact), tolerances.unary(exact), tolerances.row(exact)):
        assert tolerances.worst(rounded, exact, bound) <= 1.0
    shifted = (rounded.view(torch.int16) + 2).view(torch.bfloat16)
    assert tolerances.worst(shifted, exact, tolerances.unary(exact)) > 1.0
