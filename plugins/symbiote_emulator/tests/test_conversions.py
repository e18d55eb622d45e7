"""Conversions are those of TTNN's host, bit for bit, on every recorded case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from emulator_vectors import described, floats, mismatches, vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from symbiote_emulator import ttnn
from symbiote_emulator.numerics import (
    pack_tiles,
    quantise_block_float,
    round_to_bfloat16,
    unpack_tiles,
)

NAMES = [case["name"] for case in described()["cases"] if case["kind"] == "blk"]
BLOCKS = {"bfloat8_b": ttnn.bfloat8_b, "bfloat4_b": ttnn.bfloat4_b}
FLOATS = {"bfloat16": ttnn.bfloat16, **BLOCKS}
INTEGERS = {"int32": ttnn.int32, "uint32": ttnn.uint32, "uint16": ttnn.uint16, "uint8": ttnn.uint8}
SOURCES = sorted({name.split("|")[1] for name in vectors().files if name.startswith("src|")})


def convert(values: torch.Tensor, dtype: Any, **options: Any) -> torch.Tensor:
    """Through ``from_torch`` and back."""
    tensor = ttnn.from_torch(values, dtype=dtype, layout=ttnn.TILE_LAYOUT, **options)
    return ttnn.to_torch(tensor)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_blocks(name: str, dtype: str) -> None:
    values = floats(vectors()[f"blk|{name}|in"])
    expected = floats(vectors()[f"blk|{name}|{dtype}|value"])
    assert mismatches(expected, convert(values, FLOATS[dtype])) == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", BLOCKS)
def test_packed_tiles(name: str, dtype: str) -> None:
    values = floats(vectors()[f"blk|{name}|in"])
    expected = vectors()[f"blk|{name}|{dtype}|bytes"]
    packed = pack_tiles(values, BLOCKS[dtype])
    assert np.array_equal(packed.reshape(expected.shape).numpy(), expected)
    back = unpack_tiles(packed.reshape(-1, packed.shape[-1]), BLOCKS[dtype], *values.shape)
    want = floats(vectors()[f"blk|{name}|{dtype}|value"])
    assert mismatches(want, back.reshape(values.shape)) == 0


@pytest.mark.parametrize("case", [c for c in described()["cases"] if c["kind"] == "odd"], ids=str)
def test_odd_shapes(case: dict[str, Any]) -> None:
    key = f"odd|{case['i']}"
    values = floats(vectors()[f"{key}|in"]).reshape(case["shape"])
    dtype = FLOATS[case["dtype"]]
    tensor = ttnn.from_torch(values, dtype=dtype, layout=ttnn.TILE_LAYOUT)
    assert list(tensor.padded_shape) == case["padded_shape"]
    expected = floats(vectors()[f"{key}|{case['dtype']}|value"])
    got = ttnn.to_torch(tensor)
    assert list(got.shape) == case["out_shape"]
    assert mismatches(expected.reshape(got.shape), got) == 0
    # In memory the padding is zero, and it shares the exponent of the last real block.
    padded = floats(vectors()[f"{key}|{case['dtype']}|padded"])
    packed_like = torch.nn.functional.pad(
        values.reshape(-1, values.shape[-1]) if values.ndim == 1 else values,
        (0, -values.shape[-1] % 32, 0, 0 if values.ndim == 1 else -values.shape[-2] % 32),
    )
    if values.ndim == 1:
        packed_like = torch.nn.functional.pad(packed_like, (0, 0, 0, 31))
    again = ttnn.to_torch(ttnn.from_torch(packed_like, dtype=dtype, layout=ttnn.TILE_LAYOUT))
    assert mismatches(padded.reshape(again.shape), again) == 0


@pytest.mark.parametrize("case", [c for c in described()["cases"] if c["kind"] == "pad"], ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_pad_value_joins_the_last_block(case: dict[str, Any], dtype: str) -> None:
    key = f"pad|{case['i']}"
    values = floats(vectors()[f"{key}|in"])
    got = convert(values, FLOATS[dtype], pad_value=float(case["pad_value"]))
    assert mismatches(floats(vectors()[f"{key}|{dtype}|value"]), got) == 0


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dtype", [*FLOATS, "float32", *INTEGERS])
def test_every_source_dtype(source: str, dtype: str) -> None:
    given_values = torch.from_numpy(vectors()[f"src|{source}|in"].copy())
    expected = vectors()[f"src|{source}|{dtype}|value"]
    target = {**FLOATS, **INTEGERS, "float32": ttnn.float32}[dtype]
    got = convert(given_values, target)
    if dtype in INTEGERS:
        assert np.array_equal(got.to(torch.int64).numpy(), expected.astype(np.int64))
    else:
        assert mismatches(floats(expected), got) == 0


@pytest.mark.parametrize("dtype", INTEGERS)
def test_float_to_integer_truncates(dtype: str) -> None:
    values = floats(vectors()["f2i|in"])
    expected = vectors()[f"f2i|{dtype}|value"].astype(np.int64)
    got = convert(values, INTEGERS[dtype]).to(torch.int64).numpy()
    limits = {"int32": (-(2**31), 2**31), "uint32": (0, 2**32), "uint16": (0, 2**16)}
    low, high = limits.get(dtype, (0, 2**8))
    whole = values.double().trunc().numpy()
    defined = (whole >= low) & (whole < high)  # out of range is undefined in TTNN
    assert defined.any()
    assert np.array_equal(got[defined], expected[defined])


@pytest.mark.parametrize("spec", described()["specs"], ids=str)
def test_specs(spec: dict[str, Any]) -> None:
    layout = getattr(ttnn, f"{spec['layout']}_LAYOUT")
    tensor = ttnn.from_torch(torch.zeros(spec["in"]), dtype=ttnn.bfloat16, layout=layout)
    assert list(tensor.shape) == spec["shape"]
    assert list(tensor.padded_shape) == spec["padded_shape"]
    assert list(ttnn.to_torch(tensor).shape) == spec["to_torch"]


@settings(max_examples=60, deadline=None)
@given(
    bits=st.lists(st.integers(0, 2**32 - 1), min_size=16, max_size=64),
    dtype=st.sampled_from(list(BLOCKS.values())),
)
def test_block_floats_are_idempotent_and_exact_in_bfloat16(bits: list[int], dtype: Any) -> None:
    values = floats(np.array(bits, dtype=np.uint32)).nan_to_num(0.0, 1e30, -1e30)
    once = quantise_block_float(values, dtype)
    assert once.dtype is torch.bfloat16
    assert mismatches(once, quantise_block_float(once, dtype)) == 0


def test_a_wrong_rounding_would_be_seen() -> None:
    values = floats(vectors()["blk|near_ties|in"])
    expected = floats(vectors()["blk|near_ties|bfloat8_b|value"])
    step = values.reshape(-1, 16).abs().amax(-1, keepdim=True).log2().floor().exp2() / 64
    naive = ((values.reshape(-1, 16) / step).round() * step).reshape(values.shape)
    assert mismatches(expected, naive) > 0


def test_float64_is_rounded_once() -> None:
    middle = 1 + 2.0**-8  # of two bfloat16 values; the even one is 1
    hair = 2.0**-40
    for sign in (1.0, -1.0):
        wide = torch.tensor([middle, middle + hair, middle - hair], dtype=torch.float64) * sign
        want = torch.tensor([1.0, 1 + 2.0**-7, 1.0]) * sign
        assert torch.equal(round_to_bfloat16(wide).float(), want)
        assert not torch.equal(wide.to(torch.bfloat16).float(), want)
    rare = torch.tensor([0.0, -0.0, 1e39, -1e39, float("inf"), float("nan")], dtype=torch.float64)
    assert torch.equal(
        round_to_bfloat16(rare).view(torch.int16)[:-1],
        rare.to(torch.bfloat16).view(torch.int16)[:-1],
    )
    assert round_to_bfloat16(rare)[-1].isnan()


@pytest.mark.parametrize("dtype", [ttnn.bfloat8_b, ttnn.bfloat4_b])
@pytest.mark.parametrize("shape", [(40, 70), (2, 33, 64)])
def test_block_floats_can_be_packed_transposed(dtype: Any, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    turned = ttnn.from_torch(x, dtype=dtype, layout=ttnn.TILE_LAYOUT, col_tilize=True)
    want = ttnn.from_torch(x.transpose(-2, -1).contiguous(), dtype=dtype, layout=ttnn.TILE_LAYOUT)
    assert turned.spec == want.spec
    assert torch.equal(ttnn.to_torch(turned), ttnn.to_torch(want))


@pytest.mark.parametrize(
    ("shape", "options", "needs"),
    [
        ((40, 70), {"dtype": ttnn.bfloat16}, "BFP dtype"),
        ((40, 70), {}, "BFP dtype"),
        ((40, 70), {"dtype": ttnn.bfloat8_b, "layout": ttnn.ROW_MAJOR_LAYOUT}, "layout to be"),
        ((70,), {"dtype": ttnn.bfloat8_b}, "ndim >= 2"),
    ],
)
def test_what_ttnn_does_not_pack_transposed(
    shape: tuple[int, ...], options: dict[str, Any], needs: str
) -> None:
    with pytest.raises(RuntimeError, match=f"col_tilize=True requires .*{needs}"):
        ttnn.from_torch(torch.ones(shape), col_tilize=True, **options)
