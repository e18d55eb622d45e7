"""KV caches: what is written in place, who sees it, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulator_golden import on_device, property_test, seeds, stored, values
from hypothesis import given
from hypothesis import strategies as st

from symbiote_emulator import ttnn
from symbiote_emulator.errors import (
    ArgumentMismatch,
    NotImitated,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)

RM = ttnn.ROW_MAJOR_LAYOUT
paged_update = ttnn.experimental.paged_update_cache
cache_dtypes = st.sampled_from([ttnn.bfloat16, ttnn.float32, ttnn.bfloat8_b])
few = st.integers(1, 4)


def one_user_a_core(tokens: torch.Tensor, device: Any, dtype: Any = ttnn.bfloat16) -> Any:
    """Tokens [1, B, heads, size], sharded as a decode step has them."""
    _, users, heads, size = tokens.shape
    cores = ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(users - 1, 0))
    shard = [-(-heads // 32) * 32, -(-size // 32) * 32]
    spec = ttnn.ShardSpec(ttnn.CoreRangeSet([cores]), shard, ttnn.ShardOrientation.ROW_MAJOR)
    memory = ttnn.MemoryConfig(ttnn.TensorMemoryLayout.HEIGHT_SHARDED, ttnn.BufferType.L1, spec)
    return ttnn.from_torch(
        tokens, dtype=dtype, layout=ttnn.TILE_LAYOUT, device=device, memory_config=memory
    )


def positions_tensor(positions: list[int], device: Any) -> Any:
    return on_device(torch.tensor(positions, dtype=torch.int32), device, ttnn.int32, RM)


def rounded(tensor: torch.Tensor, dtype: Any) -> torch.Tensor:
    """As the dtype stores it."""
    return stored(ttnn.from_torch(tensor, dtype=dtype, layout=ttnn.TILE_LAYOUT))


@property_test
@given(
    users=few,
    heads=few,
    length=st.integers(1, 70),
    size=st.integers(1, 70),
    dtype=cache_dtypes,
    source=st.sampled_from([ttnn.bfloat16, ttnn.float32]),
    listed=st.booleans(),
    seed=seeds,
    data=st.data(),
)
def test_paged_update(
    device: Any,
    users: int,
    heads: int,
    length: int,
    size: int,
    dtype: Any,
    source: Any,
    listed: bool,
    seed: int,
    data: Any,
) -> None:
    position = st.integers(0, length - 1)
    if not listed:
        position |= st.just(-1)  # leaves the user out
    positions = data.draw(st.lists(position, min_size=users, max_size=users))
    cache = on_device(values((users, heads, length, size), seed), device, dtype)
    tokens = values((1, users, heads, size), seed + 1)
    expected = stored(cache).clone()
    for user, position in enumerate(positions):
        if position >= 0:
            expected[user, :, position] = rounded(tokens, dtype)[0, user]
    given_positions = (
        {"update_idxs": positions}
        if listed
        else {"update_idxs_tensor": positions_tensor(positions, device)}
    )
    out = paged_update(cache, one_user_a_core(tokens, device, source), **given_positions)
    assert torch.equal(stored(cache), expected)
    assert torch.equal(stored(out), expected)
    assert (out.dtype, out.shape, out.buffer_type()) == (dtype, cache.shape, ttnn.BufferType.DRAM)


@property_test
@given(users=few, heads=few, dtype=cache_dtypes, seed=seeds, data=st.data())
def test_update(device: Any, users: int, heads: int, dtype: Any, seed: int, data: Any) -> None:
    length, size = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 70))
    position = data.draw(st.integers(0, length - 1))
    offset = data.draw(st.integers(0, 32 - users))
    rows = data.draw(st.sampled_from([1, users, 32]))
    cache = on_device(values((users, heads, length, size), seed), device, dtype)
    tokens = values((1, heads, rows, size), seed + 1)
    expected = stored(cache).clone()
    padded = torch.zeros(1, heads, 32, size)
    padded[:, :, :rows] = tokens
    expected[:, :, position] = rounded(padded[0, :, offset : offset + users], dtype).transpose(0, 1)
    source = on_device(tokens, device)
    if data.draw(st.booleans()):
        out = ttnn.update_cache(cache, source, position, batch_offset=offset)
    else:
        out = ttnn.kv_cache.update_cache_for_token_(cache, source, position, offset)
    assert torch.equal(stored(cache), expected)
    assert torch.equal(stored(out), expected)


@property_test
@given(users=few, heads=few, dtype=cache_dtypes, seed=seeds, data=st.data())
def test_fill(device: Any, users: int, heads: int, dtype: Any, seed: int, data: Any) -> None:
    tiles = data.draw(st.integers(1, 3))
    size = data.draw(st.integers(1, 70))
    rows = data.draw(st.integers(1, 32 * tiles))
    spare = tiles - -(-rows // 32)
    begin = 32 * data.draw(st.integers(0, spare))
    length = 32 * tiles - data.draw(st.sampled_from([0, 5]))
    user = data.draw(st.integers(0, users - 1))
    cache = on_device(values((users, heads, length, size), seed), device, dtype)
    tokens = values((1, heads, rows, size), seed + 1)
    expected = stored(cache).clone()
    # Whole tiles are copied: behind the input its padding overwrites what was there.
    expected[user, :, begin : begin + -(-rows // 32) * 32] = 0
    end = min(begin + rows, length)
    expected[user, :, begin:end] = rounded(tokens, dtype)[0, :, : end - begin]
    fill = data.draw(st.sampled_from([ttnn.fill_cache, ttnn.kv_cache.fill_cache_for_user_]))
    out = fill(cache, on_device(tokens, device, dtype), user, update_idx=begin)
    assert torch.equal(stored(cache), expected)
    assert torch.equal(stored(out), expected)


WRITES: list[tuple[str, Callable[[Any, Any], Any]]] = [
    (
        "paged_update",
        lambda cache, device: paged_update(
            cache, one_user_a_core(torch.ones(1, 2, 2, 32), device), update_idxs=[3, 5]
        ),
    ),
    (
        "update",
        lambda cache, device: ttnn.update_cache(
            cache, on_device(torch.ones(1, 2, 2, 32), device), 3
        ),
    ),
    (
        "fill",
        lambda cache, device: ttnn.fill_cache(cache, on_device(torch.ones(1, 2, 7, 32), device), 1),
    ),
]
write = pytest.mark.parametrize("write", [w for _, w in WRITES], ids=[name for name, _ in WRITES])


@write
def test_every_holder_of_the_cache_sees_the_write(device: Any, write: Any) -> None:
    cache = on_device(torch.zeros(2, 2, 32, 32), device)
    before, view = cache, ttnn.reshape(cache, [4, 32, 32])
    out = write(cache, device)
    written = stored(cache)
    assert written.sum() > 0
    for holder in (before, view, out):
        assert torch.equal(stored(holder).reshape(2, 2, 32, 32), written)
    ttnn.deallocate(cache, force=True)
    assert not out.is_allocated()


@write
@pytest.mark.parametrize(
    "derive",
    [
        ttnn.clone,
        ttnn.identity,
        lambda t: ttnn.permute(t, [0, 1, 2, 3]),
        lambda t: ttnn.concat([t], 0),
        lambda t: ttnn.typecast(t, ttnn.bfloat16),
        lambda t: ttnn.to_memory_config(t, ttnn.L1_MEMORY_CONFIG),
    ],
    ids=["clone", "identity", "permute", "concat", "typecast", "to_memory_config"],
)
def test_what_the_cache_was_made_from_stays(device: Any, write: Any, derive: Any) -> None:
    original = on_device(torch.zeros(2, 2, 32, 32), device)
    cache = derive(original)
    host = ttnn.from_device(cache)
    write(cache, device)
    assert stored(cache).sum() > 0
    assert stored(original).sum() == stored(host).sum() == 0


def test_the_heads_of_one_token_can_be_a_cache(device: Any) -> None:
    fused = on_device(torch.zeros(1, 1, 96), device)
    split = ttnn.transformer.split_query_key_value_and_split_heads
    _, key, value = split(fused, num_heads=1, transpose_key=False)
    ttnn.update_cache(key, on_device(torch.ones(1, 1, 1, 32), device), 0)
    assert stored(key).sum() == 32
    assert stored(fused).sum() == stored(value).sum() == 0
    merged = ttnn.transformer.concatenate_heads(value)
    cache = ttnn.reshape(merged, [1, 1, 1, 32])
    ttnn.update_cache(cache, on_device(torch.ones(1, 1, 1, 32), device), 0)
    assert stored(merged).sum() == 32
    assert stored(value).sum() == 0


@write
@pytest.mark.parametrize("made", [True, False])
def test_caches_live_through_inference_mode(device: Any, write: Any, made: bool) -> None:
    with torch.inference_mode(made):
        cache = on_device(torch.zeros(2, 2, 32, 32), device)
    with torch.inference_mode(not made):
        write(cache, device)
    assert stored(cache).sum() > 0


PAST_THE_END: list[Callable[[Any, Any], Any]] = [
    lambda cache, device: paged_update(
        cache, one_user_a_core(torch.ones(1, 2, 2, 32), device), update_idxs=[3, 32]
    ),
    lambda cache, device: paged_update(
        cache,
        one_user_a_core(torch.ones(1, 2, 2, 32), device),
        update_idxs_tensor=positions_tensor([-2, 3], device),
    ),
    lambda cache, device: ttnn.update_cache(cache, on_device(torch.ones(1, 2, 2, 32), device), 32),
    lambda cache, device: ttnn.kv_cache.update_cache_for_token_(
        cache, on_device(torch.ones(1, 2, 2, 32), device), 32
    ),
]


@pytest.mark.parametrize("call", PAST_THE_END)
def test_a_position_that_the_cache_does_not_have(device: Any, call: Any) -> None:
    cache = on_device(torch.zeros(2, 2, 32, 32), device)
    with pytest.raises(WrongInTTNN, match="is outside of the cache of length 32") as caught:
        call(cache, device)
    assert "Write to positions of the cache only" in str(caught.value)
    assert caught.value.data["length"] == 32
    assert stored(cache).sum() == 0  # nothing was written


def test_refused_updates(device: Any) -> None:
    cache = on_device(torch.zeros(2, 2, 32, 32), device)
    tokens = one_user_a_core(torch.ones(1, 2, 2, 32), device)
    at = {"update_idxs": [0, 1]}
    table = on_device(torch.zeros(2, 1), device, ttnn.int32, RM)
    with pytest.raises(NotImitated, match="A page table"):
        paged_update(
            cache, tokens, update_idxs_tensor=positions_tensor([0, 1], device), page_table=table
        )
    with pytest.raises(OperationRefused, match="should match batch size"):
        paged_update(cache, tokens, update_idxs=[0])
    with pytest.raises(OperationRefused, match="Not both or neither"):
        paged_update(cache, tokens)
    with pytest.raises(OperationRefused, match="Expect input_tensor to be sharded"):
        paged_update(cache, on_device(torch.ones(1, 2, 2, 32), device), **at)
    with pytest.raises(OperationRefused, match="must be FLOAT32 or BFLOAT16"):
        paged_update(cache, one_user_a_core(torch.ones(1, 2, 2, 32), device, ttnn.bfloat8_b), **at)
    with pytest.raises(WouldCrash, match="The operand is on the host"):
        paged_update(cache, on_device(torch.ones(1, 2, 2, 32), None), **at)
    with pytest.raises(ArgumentMismatch, match="incompatible function arguments"):
        paged_update(cache, tokens, update_idxs=[-1, 0])
    with pytest.raises(OperationRefused, match="rounded up to a tile"):
        ttnn.update_cache(cache, on_device(torch.ones(1, 2, 64, 32), device), 0)
    with pytest.raises(WouldCrash, match="The operand is on the host"):
        ttnn.update_cache(cache, on_device(torch.ones(1, 2, 2, 32), None), 0)


def test_refused_fills(device: Any) -> None:
    cache = on_device(torch.zeros(2, 2, 64, 32), device)
    keys = on_device(torch.ones(1, 2, 33, 32), device)
    with pytest.raises(OperationRefused, match="must be less than cache tensor batch size"):
        ttnn.fill_cache(cache, keys, 2)
    with pytest.raises(OperationRefused, match="must be a multiple of TILE_HEIGHT"):
        ttnn.fill_cache(cache, keys, 0, update_idx=16)
    with pytest.raises(OperationRefused, match=r"input tensor height \(64\) must be"):
        ttnn.fill_cache(cache, keys, 0, update_idx=32)
    with pytest.raises(OperationRefused, match="must have same dtype"):
        ttnn.fill_cache(cache, on_device(torch.ones(1, 2, 32, 32), device, ttnn.bfloat8_b), 0)
    with pytest.raises(NotImitated, match="have four dimensions"):
        ttnn.fill_cache(
            ttnn.reshape(cache, [2, 1, 2, 64, 32]), ttnn.reshape(keys, [1, 1, 2, 33, 32]), 0
        )
    assert stored(cache).sum() == 0


def test_a_write_is_no_allocation(device: Any) -> None:
    cache = on_device(torch.zeros(2, 2, 32, 32), device)
    tokens = one_user_a_core(torch.ones(1, 2, 2, 32), device)
    memory = device.memory(ttnn.BufferType.DRAM)
    buffers, device.counters.operations = memory.buffers, type(device.counters.operations)()
    paged_update(cache, tokens, update_idxs=[0, 1])
    assert memory.buffers == buffers
    assert device.counters.operations == {"ttnn.experimental.paged_update_cache": 1}
