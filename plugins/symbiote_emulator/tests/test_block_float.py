"""Block floats by themselves: packed bytes, padding, and an independent reading of the rules.

``test_conversions.py`` holds ``from_torch`` to the same recorded bits.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
import torch
from emulator_vectors import described, floats, mismatches, vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from symbiote_emulator import ttnn
from symbiote_emulator.numerics import pack_tiles, quantise_block_float, unpack_tiles

BLOCKS = {"bfloat8_b": (ttnn.bfloat8_b, 7), "bfloat4_b": (ttnn.bfloat4_b, 3)}
PADDED = sorted(n.rsplit("|", 1)[0] for n in vectors().files if n.endswith("_b|padded"))
NAMES = [case["name"] for case in described()["cases"] if case["kind"] == "blk"]


def reference(bits: list[int], magnitude_bits: int) -> list[float]:
    """One block of 16, element by element in Python integers, as NUMERICS.md tells it."""
    shared = max((b >> 23) & 0xFF for b in bits)
    out = []
    for b in bits:
        exponent = (b >> 23) & 0xFF
        mantissa = (0x800000 | (b & 0x7FFFFF)) >> min(shared - exponent, 31)
        if exponent == 0:
            mantissa = 0
        unit = 1 << (24 - magnitude_bits)
        code, rest = divmod(mantissa, unit)
        if 2 * rest > unit or (2 * rest == unit and code % 2):
            code += 1
        code = min(code, (1 << magnitude_bits) - 1)
        size = math.ldexp(code, shared - 127 - (magnitude_bits - 1))
        out.append(-size if b >> 31 and code else size)
    return out


def pad_value_of(key: str) -> float:
    kind, index, _ = key.split("|")
    found = [c for c in described()["cases"] if (c["kind"], str(c.get("i"))) == (kind, index)]
    return float(found[0].get("pad_value", 0.0))


def test_every_recorded_case_is_here() -> None:
    assert len(NAMES) == 18
    assert len(PADDED) == 2 * (12 + 5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", BLOCKS)
def test_recorded_bytes_read_back_as_the_recorded_values(name: str, dtype: str) -> None:
    packed = torch.from_numpy(vectors()[f"blk|{name}|{dtype}|bytes"].copy())
    expected = floats(vectors()[f"blk|{name}|{dtype}|value"])
    got = unpack_tiles(packed, BLOCKS[dtype][0], *expected.shape)
    assert mismatches(expected, got.reshape(expected.shape)) == 0


@pytest.mark.parametrize("key", PADDED)
def test_padding_is_packed_as_ttnn_packs_it(key: str) -> None:
    kind, index, name = key.split("|")
    dtype = BLOCKS[name][0]
    values = floats(vectors()[f"{kind}|{index}|in"])
    expected = floats(vectors()[f"{key}|padded"])
    packed = pack_tiles(values, dtype, pad_value_of(key))
    got = unpack_tiles(packed, dtype, *expected.shape[-2:])
    assert mismatches(expected, got.reshape(expected.shape)) == 0


@settings(max_examples=300, deadline=None)
@given(
    bits=st.lists(st.integers(0, 2**32 - 1), min_size=16, max_size=16),
    base=st.integers(0, 254),
    spread=st.sampled_from([0, 1, 4, 12, 30, 254]),
    dtype=st.sampled_from(list(BLOCKS)),
)
def test_any_finite_block_follows_the_rules(
    bits: list[int], base: int, spread: int, dtype: str
) -> None:
    # Exponents close to each other, or all values land on code 0 but one.
    near = [
        (b & 0x807FFFFF) | (max(base - ((b >> 23) & 0xFF) % (spread + 1), 0) << 23) for b in bits
    ]
    values = torch.tensor([struct.unpack("<f", struct.pack("<I", b))[0] for b in near])
    target, magnitude_bits = BLOCKS[dtype]
    got = quantise_block_float(values, target)
    assert mismatches(torch.tensor(reference(near, magnitude_bits)), got) == 0
    tile = unpack_tiles(pack_tiles(values, target), target, 32, 32)
    assert mismatches(got, tile[0, 0, :16]) == 0


@pytest.mark.parametrize("dtype", BLOCKS)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (2, 17)], ids=str)
def test_shapes_are_kept(shape: tuple[int, ...], dtype: str) -> None:
    out = quantise_block_float(torch.ones(shape), BLOCKS[dtype][0])
    assert out.shape == shape
    assert bool((out == 1).all())


@pytest.mark.parametrize("dtype", BLOCKS)
def test_blocks_are_independent_of_each_other(dtype: str) -> None:
    values = torch.cat([torch.ones(16), torch.full((16,), 2.0**40)]).repeat(2, 1)
    assert torch.equal(quantise_block_float(values, BLOCKS[dtype][0]).float(), values)
    # Within a block the large one silences the others.
    values[0, 1] = 2.0**40
    assert quantise_block_float(values, BLOCKS[dtype][0])[0, 0] == 0
    assert quantise_block_float(values, BLOCKS[dtype][0])[1, 0] == 1


def test_bytes_of_another_dtype_are_refused() -> None:
    packed: Any = torch.zeros(1, 576, dtype=torch.uint8)
    with pytest.raises(ValueError, match="tiles have 1088 bytes, not 576"):
        unpack_tiles(packed, ttnn.bfloat8_b, 32, 32)
    assert np.array_equal(unpack_tiles(packed, ttnn.bfloat4_b, 32, 32), np.zeros((1, 32, 32)))
