"""Norms, softmax, attention, embedding and reductions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import (
    assert_within,
    on_device,
    property_test,
    seeds,
    shapes,
    stored,
    values,
)
from hypothesis import given
from hypothesis import strategies as st

from symbiote_conformance import tolerances
from symbiote_emulator import ttnn

F = torch.nn.functional


@property_test
@given(
    shape=shapes,
    seed=seeds,
    eps=st.sampled_from([1e-12, 1e-5, 1e-2]),
    affine=st.booleans(),
    residual=st.booleans(),
)
def test_norms(
    device: Any, shape: tuple[int, ...], seed: int, eps: float, affine: bool, residual: bool
) -> None:
    x, w, b = values(shape, seed), values(shape[-1:], seed + 1), values(shape[-1:], seed + 2)
    r = values(shape, seed + 3) if residual else None
    given_ = {
        "weight": on_device(w, device) if affine else None,
        "bias": on_device(b, device) if affine else None,
        "residual_input_tensor": None if r is None else on_device(r, device),
        "epsilon": eps,
    }
    total = x.double() if r is None else x.double() + r.double()
    scale = w.double() if affine else None
    g = F.layer_norm(total, shape[-1:], scale, b.double() if affine else None, eps)
    assert_within(ttnn.layer_norm(on_device(x, device), **given_), g, tolerances.row(g))
    g = F.rms_norm(total, shape[-1:], scale, eps) + (b.double() if affine else 0)
    assert_within(ttnn.rms_norm(on_device(x, device), **given_), g, tolerances.row(g))


def test_refused_norms(device: Any) -> None:
    x = on_device(torch.ones(4, 64), device)
    with pytest.raises(RuntimeError, match="gamma padded widths must match"):
        ttnn.layer_norm(x, weight=on_device(torch.ones(128), device))
    with pytest.raises(RuntimeError, match="does not support ROW_MAJOR input"):
        ttnn.rms_norm(on_device(torch.ones(4, 64), device, layout=ttnn.ROW_MAJOR_LAYOUT))


def test_norms_refuse_shards_with_room_to_spare(device: Any) -> None:
    cores = ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(1, 1))])
    for shard, ok in (((32, 32), True), ((64, 32), False)):
        memory = ttnn.MemoryConfig(
            ttnn.TensorMemoryLayout.BLOCK_SHARDED,
            ttnn.BufferType.L1,
            ttnn.ShardSpec(cores, shard, ttnn.ShardOrientation.ROW_MAJOR),
        )
        x = ttnn.to_memory_config(on_device(values((64, 64)), device), memory)
        if ok:
            assert ttnn.layer_norm(x).memory_config() == memory
            with pytest.raises(RuntimeError, match="residual tensor b should be sharded"):
                ttnn.rms_norm(x, residual_input_tensor=on_device(values((64, 64)), device))
        else:
            with pytest.raises(RuntimeError, match="requires 1x2 = 2 shards"):
                ttnn.layer_norm(x)


@property_test
@given(shape=shapes, seed=seeds, data=st.data())
def test_softmax(device: Any, shape: tuple[int, ...], seed: int, data: Any) -> None:
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = values(shape, seed, 3)
    g = torch.softmax(x.double(), dim)
    assert_within(ttnn.softmax(on_device(x, device), dim=dim), g, tolerances.row(g, dim))


@property_test
@given(
    batch=st.integers(1, 2),
    kv=st.integers(1, 2),
    groups=st.integers(1, 3),
    length=st.integers(1, 50),
    keys=st.integers(1, 50),
    size=st.sampled_from([32, 64]),
    kind=st.sampled_from(["plain", "causal", "mask"]),
    concat=st.booleans(),
    seed=seeds,
)
def test_attention(
    device: Any,
    batch: int,
    kv: int,
    groups: int,
    length: int,
    keys: int,
    size: int,
    kind: str,
    concat: bool,
    seed: int,
) -> None:
    keys = length if kind == "causal" else keys
    heads = kv * groups
    q = values((batch, heads, length, size), seed)
    k, v = (values((batch, kv, keys, size), seed + i) for i in (1, 2))
    scores = q.double() @ k.double().repeat_interleave(groups, 1).transpose(-1, -2) / size**0.5
    mask = None
    if kind == "mask":
        mask = values((1, 1, length, keys), seed + 3)
        scores = scores + mask.double()
    if kind == "causal":
        seen = torch.ones(length, length).tril().bool()
        scores = scores.masked_fill(~seen, float("-inf"))
    g = torch.softmax(scores, -1) @ v.double().repeat_interleave(groups, 1)
    out = ttnn.transformer.scaled_dot_product_attention(
        *(on_device(t, device) for t in (q, k, v)),
        is_causal=kind == "causal",
        attn_mask=None if mask is None else on_device(mask, device),
        output_concat_heads=concat,
    )
    if concat:
        g = g.transpose(1, 2).reshape(batch, 1, length, heads * size)
    assert_within(out, g, 2.0**-7 * g.abs().amax())


@property_test
@given(
    batch=st.integers(1, 2),
    length=st.integers(1, 50),
    heads=st.integers(1, 3),
    kv=st.integers(1, 2),
    transpose=st.booleans(),
)
def test_heads_are_split_and_put_together(
    device: Any, batch: int, length: int, heads: int, kv: int, transpose: bool
) -> None:
    x = values((batch, length, (heads + 2 * kv) * 32))
    q, k, v = ttnn.transformer.split_query_key_value_and_split_heads(
        on_device(x, device), num_heads=heads, num_kv_heads=kv, transpose_key=transpose
    )
    parts = x.split([heads * 32, kv * 32, kv * 32], -1)
    wanted = [p.reshape(batch, length, -1, 32).transpose(1, 2) for p in parts]
    if transpose:
        wanted[1] = wanted[1].transpose(-1, -2)
    for got, want in zip((q, k, v), wanted, strict=True):
        assert torch.equal(stored(got), want.double())
    merged = ttnn.transformer.concatenate_heads(q)
    assert torch.equal(stored(merged), parts[0].double())


def test_refused_attention(device: Any) -> None:
    q = on_device(torch.ones(1, 2, 8, 32), device)
    k = on_device(torch.ones(1, 2, 9, 32), device)
    attend = ttnn.transformer.scaled_dot_product_attention
    with pytest.raises(RuntimeError, match="Causal SDPA requires Q and K to have the same"):
        attend(q, k, k)
    with pytest.raises(RuntimeError, match="Mask sequence length must match Q"):
        attend(q, q, q, is_causal=False, attn_mask=on_device(torch.ones(1, 1, 1, 8), device))
    with pytest.raises(RuntimeError, match="head size must be a multiple of the tile width"):
        ttnn.transformer.split_query_key_value_and_split_heads(
            on_device(torch.ones(1, 4, 72), device), num_heads=1
        )


@property_test
@given(batch=st.integers(1, 3), length=st.integers(1, 40), width=st.integers(1, 70), seed=seeds)
def test_embedding(device: Any, batch: int, length: int, width: int, seed: int) -> None:
    table = values((20, width), seed)
    ids = torch.randint(0, 20, (batch, length), generator=torch.Generator().manual_seed(seed))
    out = ttnn.embedding(
        on_device(ids, device, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT),
        on_device(table, device, layout=ttnn.ROW_MAJOR_LAYOUT),
        layout=ttnn.TILE_LAYOUT,
    )
    assert torch.equal(stored(out), table[ids].double())
    with pytest.raises(RuntimeError, match="outside of the table of 20 rows"):
        ttnn.embedding(
            on_device(ids + 20, device, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT),
            on_device(table, device, layout=ttnn.ROW_MAJOR_LAYOUT),
        )


@property_test
@given(shape=shapes, seed=seeds, keep=st.booleans(), data=st.data())
def test_reductions(device: Any, shape: tuple[int, ...], seed: int, keep: bool, data: Any) -> None:
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = values(shape, seed)
    t = on_device(x, device)
    scale = x.double().abs().sum(dim, keepdim=keep)
    g = x.double().sum(dim, keepdim=keep)
    assert_within(ttnn.sum(t, dim=dim, keepdim=keep), g, tolerances.reduction(g, scale))
    g = x.double().mean(dim, keepdim=keep)
    assert_within(ttnn.mean(t, dim=dim, keepdim=keep), g, tolerances.reduction(g, scale))
    for name, function in (("max", torch.amax), ("min", torch.amin)):
        out = getattr(ttnn, name)(t, dim=dim, keepdim=keep)
        assert torch.equal(stored(out), function(x, dim, keepdim=keep).double())
    found = ttnn.argmax(t, dim=dim, keepdim=keep)
    assert torch.equal(stored(found).long(), x.argmax(dim, keepdim=keep))
    assert found.dtype is ttnn.uint32


@property_test
@given(rows=st.integers(1, 5), size=st.integers(1, 70), seed=seeds, data=st.data())
def test_topk(device: Any, rows: int, size: int, seed: int, data: Any) -> None:
    k = data.draw(st.integers(1, size))
    x = values((rows, size), seed)
    got, indices = ttnn.topk(on_device(x, device), k)
    assert torch.equal(stored(got), x.topk(k).values.double())
    assert torch.equal(x.gather(1, stored(indices).long()).double(), stored(got))
    with pytest.raises(RuntimeError, match="K cannot be larger than the dimension size"):
        ttnn.topk(on_device(x, device), size + 1)


def test_embedding_in_rows_that_were_asked_for_ignores_the_dtype(device: Any) -> None:
    ids = on_device(torch.tensor([1, 2]), device, ttnn.uint32)
    table = on_device(values((8, 32)), device, layout=ttnn.ROW_MAJOR_LAYOUT)
    rows = ttnn.embedding(ids, table, layout=ttnn.ROW_MAJOR_LAYOUT, dtype=ttnn.float32)
    assert rows.dtype is ttnn.bfloat16
    with pytest.raises(RuntimeError, match="Can only typecast output embeddings"):
        ttnn.embedding(ids, table, dtype=ttnn.float32)
    with pytest.raises(TypeError, match="incompatible function arguments"):
        ttnn.embedding(ids, table, layout=ttnn.TILE_LAYOUT, dtype=1)
    assert ttnn.embedding(ids, table, layout=1, dtype=ttnn.float32).dtype is ttnn.float32


def test_a_bool_counts_as_an_integer(device: Any) -> None:
    values, _ = ttnn.topk(on_device(torch.tensor([[1.0, 3.0, 2.0]]), device), True)
    assert stored(values).tolist() == [[3.0]]
