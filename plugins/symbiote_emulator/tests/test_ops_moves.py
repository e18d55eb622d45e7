"""What moves values changes none of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import on_device, property_test, seeds, shapes, stored, values
from hypothesis import given
from hypothesis import strategies as st

from symbiote_emulator import ttnn

layouts = st.sampled_from([ttnn.TILE_LAYOUT, ttnn.ROW_MAJOR_LAYOUT])


def same(actual: Any, expected: torch.Tensor) -> None:
    assert tuple(actual.shape) == tuple(expected.shape)
    assert torch.equal(stored(actual), expected.double())
    if actual.layout is ttnn.TILE_LAYOUT:
        assert all(n % 32 == 0 for n in tuple(actual.padded_shape)[-2:])


@property_test
@given(shape=shapes, seed=seeds, layout=layouts, data=st.data())
def test_reshape_permute_transpose(
    device: Any, shape: tuple[int, ...], seed: int, layout: Any, data: Any
) -> None:
    x = values(shape, seed)
    t = on_device(x, device, layout=layout)
    order = data.draw(st.permutations(range(len(shape))))
    same(ttnn.permute(t, order), x.permute(*order))
    same(ttnn.reshape(t, list(reversed(shape))), x.reshape(*reversed(shape)))
    same(ttnn.reshape(t, [-1]), x.reshape(-1))
    same(ttnn.unsqueeze(t, 0), x.unsqueeze(0))
    same(ttnn.squeeze(t), x.squeeze())
    if len(shape) > 1:
        i, j = order[:2]
        same(ttnn.transpose(t, i, j), x.transpose(i, j))


@property_test
@given(shape=shapes, seed=seeds, layout=layouts, data=st.data())
def test_slices(device: Any, shape: tuple[int, ...], seed: int, layout: Any, data: Any) -> None:
    x = values(shape, seed)
    t = on_device(x, device, layout=layout)
    starts = [data.draw(st.integers(0, n - 1)) for n in shape]
    ends = [data.draw(st.integers(s + 1, n)) for s, n in zip(starts, shape, strict=True)]
    steps = [data.draw(st.integers(1, 3)) for _ in shape]
    index = tuple(slice(*b) for b in zip(starts, ends, steps, strict=True))
    same(ttnn.slice(t, starts, ends, steps), x[index])
    same(t[index], x[index])
    same(t[starts[0]], x[starts[0]])
    same(t[..., starts[-1] : ends[-1]], x[..., starts[-1] : ends[-1]])


@property_test
@given(shape=shapes, seed=seeds, layout=layouts, count=st.integers(1, 3), data=st.data())
def test_concat_split_repeat(
    device: Any, shape: tuple[int, ...], seed: int, layout: Any, count: int, data: Any
) -> None:
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    parts = [values(shape, seed + i) for i in range(count)]
    tensors = [on_device(p, device, layout=layout) for p in parts]
    joined = ttnn.concat(tensors, dim=dim)
    same(joined, torch.cat(parts, dim))
    size = shape[dim]
    for got, want in zip(ttnn.split(joined, size, dim), parts, strict=True):
        same(got, want)
    same(ttnn.repeat_interleave(tensors[0], count, dim), parts[0].repeat_interleave(count, dim))
    same(ttnn.repeat(tensors[0], [count] * len(shape)), parts[0].repeat(*[count] * len(shape)))
    whole = torch.cat(parts, dim)
    for got, want in zip(ttnn.chunk(joined, 2, dim), whole.chunk(2, dim), strict=True):
        same(got, want)


@property_test
@given(shape=shapes, seed=seeds, layout=layouts, data=st.data())
def test_pad(device: Any, shape: tuple[int, ...], seed: int, layout: Any, data: Any) -> None:
    if layout is ttnn.TILE_LAYOUT and len(shape) == 1:
        return  # TTNN can't
    front = 0 if layout is ttnn.TILE_LAYOUT else 2
    pairs = [(data.draw(st.integers(0, front)), data.draw(st.integers(0, 5))) for _ in shape]
    flat = [n for pair in reversed(pairs) for n in pair]
    x = values(shape, seed)
    out = ttnn.pad(on_device(x, device, layout=layout), pairs, 2.0)
    same(out, torch.nn.functional.pad(x, flat, value=2.0))


def test_a_view_shares_its_memory(device: Any) -> None:
    x = on_device(values((2, 32, 64)), device)
    view = ttnn.reshape(x, [64, 64])
    moved = ttnn.reshape(x, [2, 64, 32])
    x.deallocate(True)
    assert not view.is_allocated()
    assert moved.is_allocated()


def test_expand(device: Any) -> None:
    x = values((1, 3, 1))
    same(ttnn.expand(on_device(x, device), [4, -1, 5]), x.expand(4, 3, 5))
    with pytest.raises(RuntimeError, match="Only dimensions of size 1 can be expanded"):
        ttnn.expand(on_device(x, device), [4, 2, 5])


def test_refusals(device: Any) -> None:
    x = on_device(values((2, 33)), device)
    with pytest.raises(RuntimeError, match="Invalid arguments to reshape"):
        ttnn.reshape(x, [2, 34])
    with pytest.raises(RuntimeError, match="more than 1 elements that is set to -1"):
        ttnn.reshape(x, [-1, -1])
    with pytest.raises(RuntimeError, match="same dtypes"):
        ttnn.concat([x, on_device(values((2, 33)), device, ttnn.float32)], dim=0)
    with pytest.raises(RuntimeError, match="does not support front padding"):
        ttnn.pad(x, [(1, 0), (0, 0)], 0.0)
    with pytest.raises(RuntimeError, match="must be less than or equal to the shape"):
        ttnn.slice(x, [0, 0], [2, 65])
    with pytest.raises(RuntimeError, match="Too many indices"):
        x[0, 0, 0]
    with pytest.raises(RuntimeError, match="crashes the process"):
        ttnn.slice(x, [0, 0], [2, 33], [0, 1])
