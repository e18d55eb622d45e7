"""Heads and rotary embeddings: what is split, turned and put together, and where it lies."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import assert_within, on_device, property_test, seeds, stored, values
from hypothesis import given
from hypothesis import strategies as st

from symbiote_conformance import tolerances
from symbiote_emulator import ttnn
from symbiote_emulator.errors import ArgumentMismatch, NotImitated, WouldCrash, WrongInTTNN

X = ttnn.experimental
sizes = st.sampled_from([32, 64, 128])
users = st.integers(1, 32)


def height_shards(users: int, height: int, width: int, columns: int = 8) -> Any:
    """One user on each core, row by row of ``columns`` columns."""
    whole, rest = divmod(users, columns)
    ranges = [((0, 0), (columns - 1, whole - 1))] if whole else []
    ranges += [((0, whole), (rest - 1, whole))] if rest else []
    grid = ttnn.CoreRangeSet(
        [ttnn.CoreRange(ttnn.CoreCoord(*a), ttnn.CoreCoord(*b)) for a, b in ranges]
    )
    shards = ttnn.ShardSpec(grid, [height, width], ttnn.ShardOrientation.ROW_MAJOR)
    return ttnn.MemoryConfig(ttnn.TensorMemoryLayout.HEIGHT_SHARDED, ttnn.BufferType.L1, shards)


def sharded(x: torch.Tensor, device: Any, **more: Any) -> Any:
    """[1, B, heads, size] with one user on each core."""
    height, width = (-(-n // 32) * 32 for n in x.shape[2:])
    memory = height_shards(x.shape[1], height, width, **more)
    return ttnn.to_memory_config(on_device(x, device), memory)


def rotate_half(x: torch.Tensor) -> torch.Tensor:
    first, second = x.chunk(2, -1)
    return torch.cat([-second, first], -1)


def assert_rotated(actual: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> None:
    x, cos, sin = x.double(), cos.double(), sin.double()
    g = x * cos + rotate_half(x) * sin
    assert_within(
        actual, g, tolerances.reduction(g, (x * cos).abs() + (rotate_half(x) * sin).abs())
    )


@property_test
@given(users=users, heads=st.integers(1, 8), kv=st.integers(1, 8), size=sizes, seed=seeds)
def test_heads_of_a_decode_step(
    device: Any, users: int, heads: int, kv: int, size: int, seed: int
) -> None:
    kv = min(kv, heads)
    x = values((1, 1, users, (heads + 2 * kv) * size), seed)
    given_ = {"num_heads": heads, "num_kv_heads": kv}
    parts = X.nlp_create_qkv_heads_decode(on_device(x, device), **given_)
    wanted = x.reshape(1, users, heads + 2 * kv, size).split([heads, kv, kv], 2)
    for got, want in zip(parts, wanted, strict=True):
        assert torch.equal(stored(got), want.double())
        assert got.memory_config() == height_shards(users, 32, size)
    merged = X.nlp_concat_heads_decode(
        parts[0],
        num_heads=heads,
        sub_core_grids=ttnn.CoreRangeSet(
            [ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(7, 7))]
        ),
    )
    assert list(merged.shape) == [1, 1, 32, heads * size]
    assert torch.equal(stored(merged)[0, 0, :users], x[0, 0, :, : heads * size].double())
    assert stored(merged)[0, 0, users:].isnan().all()
    assert merged.memory_config().memory_layout is ttnn.TensorMemoryLayout.WIDTH_SHARDED
    assert merged.memory_config().shard_spec.num_cores() == heads


@pytest.mark.parametrize(
    ("arch", "memory", "cores"),
    [
        (ttnn.Arch.WORMHOLE_B0, None, "{[0-0 - 7-1], [0-2 - 3-2]}"),
        (ttnn.Arch.BLACKHOLE, None, "{[0-0 - 12-0], [0-1 - 6-1]}"),
        (ttnn.Arch.BLACKHOLE, ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG, "{[0-0 - 12-0], [0-1 - 6-1]}"),
        (ttnn.Arch.BLACKHOLE, ttnn.DRAM_MEMORY_CONFIG, "{[0-0 - 12-0], [0-1 - 6-1]}"),
        (ttnn.Arch.BLACKHOLE, height_shards(21, 64, 64, 3), "{[0-0 - 2-5], [0-6 - 1-6]}"),
    ],
)
def test_the_cores_of_a_decode_step(arch: Any, memory: Any, cores: str) -> None:
    device = ttnn.open_device(arch=arch)
    x = on_device(torch.ones(1, 1, 20, 96), device)
    for part in X.nlp_create_qkv_heads_decode(x, num_heads=1, memory_config=memory):
        assert repr(part.memory_config().shard_spec.grid) == cores
        assert part.memory_config().buffer_type is ttnn.BufferType.L1


def test_heads_are_in_memory_of_their_own(device: Any) -> None:
    ones = torch.ones(1, 1, 1, 96)
    x = on_device(ones, device)
    split = [
        *X.nlp_create_qkv_heads_decode(x, num_heads=1),
        *X.nlp_create_qkv_heads(x, num_heads=1),
        X.nlp_concat_heads(x),
    ]
    ttnn.copy(on_device(ones * 2, device), x)
    assert all((stored(part) == 1).all() for part in split)


@property_test
@given(
    batch=st.integers(1, 2),
    length=st.integers(1, 40),
    heads=st.integers(1, 4),
    kv=st.integers(1, 4),
    size=st.sampled_from([32, 64]),
    transpose=st.booleans(),
    apart=st.booleans(),
)
def test_heads_of_a_prompt(
    device: Any,
    batch: int,
    length: int,
    heads: int,
    kv: int,
    size: int,
    transpose: bool,
    apart: bool,
) -> None:
    x = values((batch, 1, length, (heads + 2 * kv) * size))
    sections = [heads * size, 2 * kv * size] if apart else [x.shape[-1]]
    q, k, v = X.nlp_create_qkv_heads(
        *(on_device(part, device) for part in x.split(sections, -1)),
        num_heads=heads,
        num_kv_heads=kv,
        transpose_k_heads=transpose,
    )
    parts = x.split([heads * size, kv * size, kv * size], -1)
    wanted = [p.reshape(batch, length, -1, size).transpose(1, 2) for p in parts]
    if transpose:
        wanted[1] = wanted[1].transpose(-1, -2)
    for got, want in zip((q, k, v), wanted, strict=True):
        assert torch.equal(stored(got), want.double())
    assert torch.equal(stored(X.nlp_concat_heads(q)), parts[0].double())


@property_test
@given(
    batch=st.integers(1, 2),
    heads=st.integers(1, 3),
    length=st.integers(1, 40),
    more=st.integers(0, 40),
    size=sizes,
    dtype=st.sampled_from([ttnn.bfloat16, ttnn.float32]),
    seed=seeds,
)
def test_a_rotated_prompt(
    device: Any,
    batch: int,
    heads: int,
    length: int,
    more: int,
    size: int,
    dtype: Any,
    seed: int,
) -> None:
    x = values((batch, heads, length, size), seed)
    cos, sin = (values((1, 1, length + more, size), seed + i) for i in (1, 2))
    out = X.rotary_embedding_hf(
        on_device(x, device, dtype), on_device(cos, device), on_device(sin, device)
    )
    assert out.dtype is dtype
    assert_rotated(out, x, cos[:, :, :length], sin[:, :, :length])


@property_test
@given(users=users, heads=st.integers(1, 40), size=sizes, seed=seeds)
def test_a_rotated_decode_step(device: Any, users: int, heads: int, size: int, seed: int) -> None:
    x = values((1, users, heads, size), seed)
    cos, sin = (values((1, users, 1, size), seed + i) for i in (1, 2))
    out = X.rotary_embedding_hf(*(sharded(t, device) for t in (x, cos, sin)), is_decode_mode=True)
    assert_rotated(out, x, cos, sin)
    assert out.memory_config() == height_shards(users, -(-heads // 32) * 32, size)


@property_test
@given(heads=st.integers(1, 3), tiles=st.integers(1, 2), size=sizes, seed=seeds, data=st.data())
def test_rotated_by_one_row(
    device: Any, heads: int, tiles: int, size: int, seed: int, data: Any
) -> None:
    x = values((1, heads, 32 * tiles, size), seed)
    cos, sin = (values((1, 1, 70, size), seed + i) for i in (1, 2))
    operands = [on_device(t, device) for t in (x, cos, sin)]
    assert_rotated(
        X.rotary_embedding(*operands), x, cos[:, :, : 32 * tiles], sin[:, :, : 32 * tiles]
    )
    token = data.draw(st.integers(0, 69))
    assert_rotated(X.rotary_embedding(*operands, token), x, cos[0, 0, token], sin[0, 0, token])


def test_row_major_operands_become_tiles(device: Any) -> None:
    x, cos, sin = (values((1, 1, 32, 64), i) for i in range(3))
    rows = [on_device(t, device, layout=ttnn.ROW_MAJOR_LAYOUT) for t in (x, cos, sin)]
    out = X.rotary_embedding(*rows)
    assert out.layout is ttnn.TILE_LAYOUT
    assert_rotated(out, x, cos, sin)


def test_shards_of_a_rotated_prompt(device: Any) -> None:
    x, table = on_device(values((1, 3, 32, 64)), device), on_device(values((1, 1, 32, 64)), device)
    asked = {"memory_config": ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG}
    for rotate in (X.rotary_embedding, X.rotary_embedding_hf):
        assert rotate(x, table, table, **asked).memory_config() == height_shards(3, 32, 64)
        assert rotate(x, table, table).memory_config() == ttnn.DRAM_MEMORY_CONFIG


def heads_of(shape: Any, dtype: Any = ttnn.bfloat16) -> Any:
    return lambda device: on_device(torch.ones(shape), device, dtype)


def one_user(device: Any) -> Any:
    return sharded(torch.ones(1, 1, 4, 64), device)


def table(device: Any) -> Any:
    return sharded(torch.ones(1, 1, 1, 64), device)


REFUSED = [
    (X.nlp_create_qkv_heads_decode, [heads_of((1, 1, 33, 96))], {"num_heads": 1}, "at most 32"),
    (X.nlp_create_qkv_heads_decode, [heads_of((1, 5, 96))], {"num_heads": 1}, "1, 1, users, width"),
    (
        X.nlp_create_qkv_heads_decode,
        [heads_of((1, 1, 1, 128))],
        {"num_heads": 1},
        "Input shape 128 must be divisible by num_heads",
    ),
    (
        X.nlp_create_qkv_heads_decode,
        [heads_of((1, 1, 1, 160))],
        {"num_heads": 1, "num_kv_heads": 2},
        "num_q_heads=1 must be greater than or equal to num_kv_heads=2",
    ),
    (
        X.nlp_create_qkv_heads_decode,
        [heads_of((1, 1, 1, 96), ttnn.bfloat8_b)],
        {"num_heads": 1},
        "Unsupported data format",
    ),
    (
        X.nlp_create_qkv_heads_decode,
        [heads_of((1, 1, 9, 96))],
        {"num_heads": 1, "memory_config": height_shards(8, 32, 32)},
        "Target number of cores 9 is greater than total available cores 8",
    ),
    (
        X.nlp_create_qkv_heads,
        [heads_of((1, 2, 32, 96))],
        {"num_heads": 1},
        "Unsupported input sequence length 2 is not equal to 1",
    ),
    (
        X.nlp_create_qkv_heads,
        [heads_of((1, 1, 32, 64)), heads_of((1, 1, 32, 64))],
        {"num_heads": 1},
        "Head dims must be the same for Q and K, V",
    ),
    (
        X.nlp_create_qkv_heads,
        [heads_of((1, 1, 32, 96))],
        {"num_heads": 1, "memory_config": ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG},
        "must be INTERLEAVED",
    ),
    (X.nlp_concat_heads, [heads_of((2, 32, 32))], {}, "index out of range. 3 not in"),
    (X.nlp_concat_heads, [heads_of((1, 2, 32, 32), ttnn.int32)], {}, "Unsupported data format"),
    (
        X.nlp_concat_heads_decode,
        [heads_of((1, 1, 32, 32))],
        {"num_heads": 32},
        "Input tensor must be sharded",
    ),
    (
        X.nlp_concat_heads_decode,
        [lambda device: sharded(torch.ones(1, 9, 4, 64), device)],
        {"num_heads": 4},
        "pass sub_core_grids",
    ),
    (
        X.rotary_embedding_hf,
        [heads_of((2, 1, 32, 64)), heads_of((2, 1, 32, 64)), heads_of((2, 1, 32, 64))],
        {},
        "the same for all of a batch",
    ),
    (
        X.rotary_embedding_hf,
        [heads_of((1, 1, 33, 64)), heads_of((1, 1, 32, 64)), heads_of((1, 1, 32, 64))],
        {},
        "Cos seq_len must be >= input seq_len. Input seq_len: 33, Cos seq_len: 32",
    ),
    (
        X.rotary_embedding_hf,
        [heads_of((1, 1, 4, 96))] * 3,
        {},
        r"either 32 \(single tile\) or divisible by 64",
    ),
    (
        X.rotary_embedding_hf,
        [one_user, heads_of((1, 1, 1, 64)), heads_of((1, 1, 1, 64))],
        {"is_decode_mode": True},
        "Cos must be sharded in decode mode",
    ),
    (
        X.rotary_embedding_hf,
        [one_user, table, table],
        {"is_decode_mode": True, "memory_config": ttnn.DRAM_MEMORY_CONFIG},
        "Only L1 buffers",
    ),
    (
        X.rotary_embedding,
        [heads_of((1, 1, 64, 64)), heads_of((1, 1, 32, 64)), heads_of((1, 1, 32, 64))],
        {},
        "Input sequence length: 64, Cos cache sequence length: 32",
    ),
    (
        X.rotary_embedding,
        [heads_of((1, 1, 32, 64)), heads_of((1, 1, 32, 64)), heads_of((1, 1, 32, 64))],
        {"token_index": 32},
        "Token index: 32, Cos cache sequence length: 32",
    ),
]


@pytest.mark.parametrize(("call", "operands", "more", "text"), REFUSED)
def test_refused(device: Any, call: Any, operands: Any, more: Any, text: str) -> None:
    with pytest.raises(RuntimeError, match=text) as caught:
        call(*(make(device) for make in operands), **more)
    assert not isinstance(caught.value, (WouldCrash, WrongInTTNN, NotImitated))


def test_tables_elsewhere_than_the_heads(device: Any) -> None:
    x, cos = torch.ones(1, 4, 2, 64), torch.ones(1, 4, 1, 64)
    beside = sharded(cos, device, columns=2)
    with pytest.raises(WrongInTTNN, match="not where its heads are"):
        X.rotary_embedding_hf(sharded(x, device), beside, beside, is_decode_mode=True)


def test_wrong_arguments(device: Any) -> None:
    x = on_device(torch.ones(1, 1, 1, 96), device)
    with pytest.raises(ArgumentMismatch, match="incompatible function arguments"):
        X.nlp_create_qkv_heads_decode(x, num_heads=-1)
    with pytest.raises(ArgumentMismatch, match="incompatible function arguments"):
        X.nlp_create_qkv_heads_decode(x, num_heads=1, output_tensors=[x])
    with pytest.raises(ArgumentMismatch, match="incompatible function arguments"):
        X.rotary_embedding(x, x, x, -1)
