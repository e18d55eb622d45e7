"""Attention of a decode step: values, positions, windows, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from emulator_golden import assert_within, on_device, property_test, seeds, stored, values
from hypothesis import given
from hypothesis import strategies as st

from symbiote_conformance import tolerances
from symbiote_emulator import ttnn
from symbiote_emulator.errors import (
    ArgumentMismatch,
    NotImitated,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.operations import _sdpa_decode

RM = ttnn.ROW_MAJOR_LAYOUT
decode = ttnn.transformer.scaled_dot_product_attention_decode
prefill = ttnn.transformer.scaled_dot_product_attention


def golden(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    seen: torch.Tensor,
    scale: float | None = None,
    bias: torch.Tensor | float = 0.0,
) -> torch.Tensor:
    """User by user and head by head; ``seen`` [B, L] or [Sq, L] says which keys count."""
    group = q.shape[1] // k.shape[1]
    scores = torch.einsum("bhqd,bhkd->bhqk", q.double(), k.double().repeat_interleave(group, 1)) * (
        q.shape[-1] ** -0.5 if scale is None else scale
    )
    weights = torch.softmax((scores + bias).masked_fill(~seen, -math.inf), -1)
    return torch.einsum("bhqk,bhkd->bhqd", weights, v.double().repeat_interleave(group, 1))


def positions_tensor(positions: list[int], device: Any, dtype: Any = ttnn.int32) -> Any:
    return on_device(torch.tensor(positions), device, dtype, RM)


@pytest.fixture(params=["bfloat16", "float32"], autouse=True)
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways, whatever this processor is fast at."""
    monkeypatch.setattr(_sdpa_decode, "bf16_matmul_is_fast", lambda: request.param == "bfloat16")


@property_test
@given(
    users=st.integers(1, 4),
    kv=st.integers(1, 3),
    group=st.sampled_from([1, 2, 4]),
    tiles=st.integers(1, 3),
    size=st.sampled_from([32, 64, 40]),
    cache=st.sampled_from([ttnn.bfloat16, ttnn.bfloat8_b]),
    window=st.sampled_from([None, 0, 1, 5, 40, 1000]),
    scale=st.sampled_from([None, 0.125, 1.0]),
    listed=st.booleans(),
    seed=seeds,
    data=st.data(),
)
def test_causal(
    device: Any,
    users: int,
    kv: int,
    group: int,
    tiles: int,
    size: int,
    cache: Any,
    window: int | None,
    scale: float | None,
    listed: bool,
    seed: int,
    data: Any,
) -> None:
    length = 32 * tiles
    position = st.integers(0, length - 1)
    if not listed:
        position |= st.just(-1)  # leaves the user out
    positions = data.draw(st.lists(position, min_size=users, max_size=users))
    q = on_device(values((1, users, kv * group, size), seed), device)
    k, v = (on_device(values((users, kv, length, size), seed + i), device, cache) for i in (1, 2))
    last = torch.tensor(positions)[:, None]
    keys = torch.arange(length)
    seen = (keys <= last) & (keys > last - (window or length))
    g = golden(stored(q)[0][:, :, None], stored(k), stored(v), seen[:, None, None], scale)[:, :, 0][
        None
    ]
    g[:, last[:, 0] < 0] = 0  # users that are left out
    at = (
        {"cur_pos": positions}
        if listed
        else {"cur_pos_tensor": positions_tensor(positions, device)}
    )
    out = decode(q, k, v, scale=scale, sliding_window_size=window, **at)
    assert_within(out, g, tolerances.row(g))
    assert (out.dtype, out.layout) == (ttnn.bfloat16, ttnn.TILE_LAYOUT)


@property_test
@given(
    users=st.integers(1, 3),
    kv=st.integers(1, 2),
    group=st.sampled_from([1, 3]),
    masked=st.sampled_from([None, 1, "users"]),
    seed=seeds,
)
def test_all_keys_with_a_mask(
    device: Any, users: int, kv: int, group: int, masked: Any, seed: int
) -> None:
    heads = kv * group
    q = values((1, users, heads, 32), seed)
    k, v = values((users, kv, 64, 32), seed + 1), values((users, kv, 64, 32), seed + 2)
    given: dict[str, Any] = {}
    bias: torch.Tensor | float = 0.0
    if masked is not None:
        bias = values((users if masked == "users" else 1, 1, heads, 64), seed + 3, 3.0)
        bias[..., 7] = -math.inf
        given["attn_mask"] = on_device(bias, device)
        bias = bias.double().transpose(1, 2)
    g = golden(q[0][:, :, None], k, v, torch.ones(64, dtype=torch.bool), bias=bias)[:, :, 0][None]
    operands = [on_device(t, device) for t in (q, k, v)]
    out = decode(*operands, is_causal=False, **given)
    assert_within(out, g, tolerances.row(g))


def test_the_window_includes_the_key_of_the_token(device: Any) -> None:
    q = on_device(values((1, 2, 4, 32)), device)
    k, v = (on_device(values((2, 2, 64, 32), i), device) for i in (1, 2))
    out = decode(q, k, v, cur_pos=[3, 40], sliding_window_size=1)
    for user, position in enumerate((3, 40)):
        expected = stored(v)[user, :, position].repeat_interleave(2, 0)
        assert torch.equal(stored(out)[0, user], expected)


def test_keys_past_the_position_are_not_read(device: Any) -> None:
    q = on_device(values((1, 1, 4, 32)), device)
    k, v = values((1, 2, 64, 32), 1), values((1, 2, 64, 32), 2)
    expected = decode(q, on_device(k, device), on_device(v, device), cur_pos=[20])
    k[:, :, 21:] = v[:, :, 21:] = math.nan  # what a cache holds there is of no token
    out = decode(q, on_device(k, device), on_device(v, device), cur_pos=[20])
    assert torch.equal(stored(out), stored(expected))


def test_a_position_of_minus_one_leaves_a_user_out(device: Any) -> None:
    q = on_device(values((1, 2, 4, 32)), device)
    k, v = (on_device(values((2, 2, 32, 32), i), device) for i in (1, 2))
    alone = stored(decode(q, k, v, cur_pos=[0, 9]))[0, 1]
    for tensor in (
        positions_tensor([-1, 9], device),
        positions_tensor([2**32 - 1, 9], device, ttnn.uint32),
    ):
        out = stored(decode(q, k, v, cur_pos_tensor=tensor))
        assert torch.equal(out[0, 1], alone)
        assert not out[0, 0].any()
    none = positions_tensor([-1, -1], device)
    assert not stored(decode(q, k, v, cur_pos_tensor=none)).any()


def test_the_last_row_of_a_prefill_is_a_decode_step(device: Any) -> None:
    length = 50
    q, k, v = (values((2, heads, 64, 64), heads) for heads in (8, 2, 4))
    k, v = k[:, :2], v[:, :2]
    rows = [on_device(t[:, :, :length], device) for t in (q, k, v)]
    last = stored(prefill(*rows, is_causal=True, sliding_window_size=20))[:, :, -1]
    step = on_device(q[:, :, length - 1][None], device)
    caches = [on_device(t, device) for t in (k, v)]
    out = decode(step, *caches, cur_pos=[length - 1] * 2, sliding_window_size=20)
    assert_within(out, last[None], 2 * tolerances.row(last[None]))


@property_test
@given(length=st.integers(1, 50), window=st.integers(1, 60), causal=st.booleans(), seed=seeds)
def test_the_window_of_a_prefill(
    device: Any, length: int, window: int, causal: bool, seed: int
) -> None:
    q, k, v = (values((1, 2, length, 32), seed + i) for i in range(3))
    distance = torch.arange(length)[:, None] - torch.arange(length)
    seen = (distance >= 0) & (distance < window) if causal else distance.abs() <= window // 2
    g = golden(q, k, v, seen)
    operands = [on_device(t, device) for t in (q, k, v)]
    out = prefill(*operands, is_causal=causal, sliding_window_size=window)
    assert_within(out, g, tolerances.row(g))


def test_few_heads_on_a_blackhole_need_a_program_config() -> None:
    device = ttnn.open_device(arch=ttnn.Arch.BLACKHOLE)
    config = ttnn.SDPAProgramConfig(
        compute_with_storage_grid_size=ttnn.CoreCoord(8, 8), q_chunk_size=0, k_chunk_size=0
    )
    for users, kv, refused in ((1, 2, True), (2, 1, True), (1, 3, False), (2, 2, False)):
        q = on_device(values((1, users, kv, 32)), device)
        k = on_device(values((users, kv, 32, 32)), device)
        at = [0] * users
        if refused:
            with pytest.raises(OperationRefused, match="got 65 cores/head") as caught:
                decode(q, k, k, cur_pos=at)
            assert "Give a program_config" in str(caught.value)
        else:
            decode(q, k, k, cur_pos=at)
        assert decode(q, k, k, cur_pos=at, program_config=config).shape == q.shape


def test_refused_calls(device: Any) -> None:
    q = on_device(values((1, 2, 4, 32)), device)
    k = on_device(values((2, 2, 64, 32)), device)
    with pytest.raises(OperationRefused, match="cur_pos must be <= K sequence dim"):
        decode(q, k, k, cur_pos=[0, 64])
    with pytest.raises(OperationRefused, match="with a position for every user"):
        decode(q, k, k, cur_pos=[0])
    with pytest.raises(WrongInTTNN, match="Position 64 is outside of the cache of length 64"):
        decode(q, k, k, cur_pos_tensor=positions_tensor([0, 64], device))
    with pytest.raises(WrongInTTNN, match="which TTNN reads as integers of 32 bits"):
        decode(q, k, k, cur_pos_tensor=positions_tensor([0, 1], device, ttnn.uint16))
    with pytest.raises(ArgumentMismatch, match="incompatible function arguments"):
        decode(q, k, k, cur_pos=[-1, 0])
    with pytest.raises(OperationRefused, match="attn_mask must not be provided when is_causal"):
        decode(q, k, k, cur_pos=[0, 0], attn_mask=on_device(values((2, 1, 4, 64)), device))
    with pytest.raises(NotImitated, match="A sliding window that is not causal"):
        decode(q, k, k, is_causal=False, sliding_window_size=4)
    with pytest.raises(WouldCrash, match="The operand is on the host"):
        decode(on_device(values((1, 2, 4, 32)), None), k, k, cur_pos=[0, 0])
    short = on_device(values((2, 2, 40, 32)), device)
    with pytest.raises(OperationRefused, match="Chunk size must be multiple of 32"):
        decode(q, short, short, cur_pos=[0, 0])
    wide = on_device(values((2, 4, 64, 32)), device, ttnn.float32)
    with pytest.raises(OperationRefused, match="Unsupported data type DataType::FLOAT32"):
        decode(q, wide, wide, cur_pos=[0, 0])
    with pytest.raises(NotImitated, match="queries and keys of different lengths"):
        prefill(
            on_device(values((2, 2, 4, 32)), device), k, k, is_causal=False, sliding_window_size=4
        )
