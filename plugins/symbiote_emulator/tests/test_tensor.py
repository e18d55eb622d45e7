from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import property_test, seeds, shapes, values
from hypothesis import given
from hypothesis import strategies as st

from symbiote_emulator import NotEmulatedError, ttnn

EXACT = {
    ttnn.bfloat16: torch.bfloat16,
    ttnn.float32: torch.float32,
    ttnn.int32: torch.int32,
    ttnn.uint16: torch.int32,
    ttnn.uint8: torch.uint8,
}


@property_test
@given(
    shape=shapes,
    seed=seeds,
    dtype=st.sampled_from(list(EXACT)),
    tiles=st.booleans(),
    place=st.booleans(),
)
def test_round_trips(
    device: Any, shape: tuple[int, ...], seed: int, dtype: Any, tiles: bool, place: bool
) -> None:
    x = (
        values(shape, seed)
        if dtype in (ttnn.bfloat16, ttnn.float32)
        else (torch.randint(0, 200, shape, generator=torch.Generator().manual_seed(seed)))
    )
    layout = ttnn.TILE_LAYOUT if tiles else ttnn.ROW_MAJOR_LAYOUT
    t = ttnn.from_torch(x, dtype=dtype, layout=layout, device=device if place else None)
    assert tuple(t.shape) == shape
    assert (t.dtype, t.layout) == (dtype, layout)
    for moved in (t, ttnn.to_device(t, device), ttnn.from_device(ttnn.to_device(t, device))):
        assert torch.equal(ttnn.to_torch(moved).double(), x.double())
    other = ttnn.ROW_MAJOR_LAYOUT if tiles else ttnn.TILE_LAYOUT
    on_device = ttnn.to_device(t, device)
    if dtype is ttnn.uint8 and not tiles:  # TTNN tilizes bytes only where no tile needs padding
        whole = len(shape) > 1 and all(n % 32 == 0 for n in shape[-2:])
        if not whole:
            with pytest.raises(RuntimeError, match="Can only tilize bfloat16/float32 or int32"):
                ttnn.to_layout(on_device, other)
            return
    changed = ttnn.to_layout(on_device, other)
    assert changed.layout is other
    assert torch.equal(ttnn.to_torch(changed).double(), x.double())


@property_test
@given(shape=shapes, seed=seeds)
def test_typecast_and_clone(device: Any, shape: tuple[int, ...], seed: int) -> None:
    x = values(shape, seed)
    t = ttnn.from_torch(x, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device)
    wide = ttnn.typecast(t, ttnn.float32)
    assert torch.equal(ttnn.to_torch(wide), x)
    block = ttnn.to_torch(ttnn.typecast(t, ttnn.bfloat8_b))
    host = ttnn.from_torch(x, dtype=ttnn.bfloat8_b, layout=ttnn.TILE_LAYOUT)
    assert torch.equal(block.float(), ttnn.to_torch(host).float())
    copy = ttnn.clone(t)
    ttnn.deallocate(t)
    assert torch.equal(ttnn.to_torch(copy).float(), x)


def test_a_tensor_tells_what_it_is(device: Any) -> None:
    t = ttnn.from_torch(torch.ones(2, 33), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT)
    assert t.storage_type() is ttnn.StorageType.HOST
    assert t.device() is None
    assert list(t.padded_shape) == [32, 64]
    moved = ttnn.to_device(t, device)
    assert moved.storage_type() is ttnn.StorageType.DEVICE
    assert moved.device() is device
    assert moved.is_allocated()
    assert moved.memory_config() == ttnn.DRAM_MEMORY_CONFIG
    assert "shape=Shape([2, 33])" in repr(moved)
    assert "DataType::BFLOAT16" in repr(moved)


def test_creation(device: Any) -> None:
    full = ttnn.full([2, 33], 0.5, ttnn.bfloat16, ttnn.TILE_LAYOUT, device)
    assert (ttnn.to_torch(full) == 0.5).all()
    assert (ttnn.to_torch(ttnn.zeros([2], device=device)) == 0).all()
    assert (ttnn.to_torch(ttnn.ones([2], device=device)) == 1).all()
    assert ttnn.to_torch(ttnn.arange(0, 6, 2, device=device)).tolist() == [0, 2, 4]
    for count in (ttnn.arange(3), ttnn.arange(end=3), ttnn.arange(start=0, end=3)):
        assert ttnn.to_torch(count).tolist() == [0, 1, 2]
    assert list(ttnn.zeros_like(full).shape) == [2, 33]


def test_float64_is_refused_before_it_kills_the_process() -> None:
    with pytest.raises(RuntimeError, match="float64"):
        ttnn.from_torch(torch.ones(2, dtype=torch.float64))


def test_block_floats_need_tiles() -> None:
    with pytest.raises(RuntimeError, match="Layout must be Layout::TILE for bfloat8_b"):
        ttnn.from_torch(torch.ones(2, 2), dtype=ttnn.bfloat8_b, layout=ttnn.ROW_MAJOR_LAYOUT)


@pytest.mark.parametrize(
    ("space", "name"),
    [
        (ttnn, "ttnn.no_such"),
        (ttnn.transformer, "ttnn.transformer.no_such"),
        (ttnn.experimental, "ttnn.experimental.no_such"),
    ],
    ids=str,
)
def test_what_is_not_there_says_so_and_how_to_add_it(space: Any, name: str) -> None:
    with pytest.raises(NotEmulatedError) as caught:
        _ = space.no_such
    assert isinstance(caught.value, AttributeError)
    assert str(caught.value) == (
        f"The emulator has no '{name}'. Write it with @operation in a module of "
        "symbiote_emulator.operations, or let the module run on torch (exclude it from the plan)."
    )


def test_wrong_arguments_are_told_as_ttnn_tells_them(device: Any) -> None:
    x = ttnn.from_torch(torch.ones(2, 2), dtype=ttnn.bfloat16, device=device)
    with pytest.raises(TypeError, match=r"ttnn\.relu\(\): incompatible function arguments"):
        ttnn.relu("x")
    with pytest.raises(TypeError, match="incompatible function arguments"):
        ttnn.relu(x, bogus=1)
    with pytest.raises(TypeError, match="incompatible function arguments"):
        ttnn.softmax(x, dim=1.5)


def test_integers_stand_for_enumerations(device: Any) -> None:
    x = ttnn.from_torch(
        torch.ones(2, 2), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device
    )
    assert ttnn.add(x, x, dtype=3).dtype is ttnn.bfloat8_b
