"""Every dtype there and back, and what a tensor says of itself in every state.

``test_tensor.py`` has the exact dtypes, creation and errors; ``test_conversions.py`` the bits.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import on_device, property_test, seeds, shapes, values
from emulator_vectors import described
from hypothesis import given
from hypothesis import strategies as st

from symbiote_emulator import ttnn

RETURNED = {
    ttnn.bfloat16: torch.bfloat16,
    ttnn.float32: torch.float32,
    ttnn.bfloat8_b: torch.float32,
    ttnn.bfloat4_b: torch.float32,
    ttnn.uint32: torch.uint32,
    ttnn.int32: torch.int32,
    ttnn.uint16: torch.uint16,
    ttnn.uint8: torch.uint8,
}
BLOCKS = (ttnn.bfloat8_b, ttnn.bfloat4_b)
FLOATS = (ttnn.bfloat16, ttnn.float32, *BLOCKS)
LAYOUTS = {"tile": ttnn.TILE_LAYOUT, "rows": ttnn.ROW_MAJOR_LAYOUT}


def source(shape: tuple[int, ...], seed: int, dtype: Any) -> torch.Tensor:
    if dtype in FLOATS:
        return values(shape, seed)
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed))


@property_test
@given(shape=shapes, seed=seeds, dtype=st.sampled_from(list(RETURNED)), placed=st.booleans())
def test_there_and_back_for_every_dtype(
    device: Any, shape: tuple[int, ...], seed: int, dtype: Any, placed: bool
) -> None:
    x = source(shape, seed, dtype)
    first = ttnn.to_torch(on_device(x, device if placed else None, dtype))
    assert first.dtype is RETURNED[dtype]
    assert first.shape == x.shape
    # The second time nothing is rounded any more.
    again = ttnn.to_torch(on_device(first, device if placed else None, dtype))
    assert torch.equal(first.double(), again.double())
    if dtype not in BLOCKS:
        assert torch.equal(first.double(), x.double())
    else:  # half a step of the largest of the block
        step = 2.0 ** (-6 if dtype is ttnn.bfloat8_b else -2)
        assert (first - x).abs().max() <= step * x.abs().max()


@pytest.mark.parametrize("case", described()["conv"], ids=lambda case: case["src"])
def test_the_dtype_that_ttnn_chooses(case: dict[str, str]) -> None:
    tensor = ttnn.from_torch(torch.ones(2, 2).to(getattr(torch, case["src"])))
    assert f"DataType.{tensor.dtype.name}" == case["default_dtype"]


@pytest.mark.parametrize("spec", described()["specs"], ids=lambda s: f"{s['in']}-{s['layout']}")
def test_specs_hold_after_a_change_of_layout(device: Any, spec: dict[str, Any]) -> None:
    x = values(spec["in"])
    target = getattr(ttnn, f"{spec['layout']}_LAYOUT")
    (other,) = [layout for layout in LAYOUTS.values() if layout is not target]
    place = device if x.numel() else None  # TTNN gives tiles of no elements a wrong shape there
    tensor = ttnn.to_layout(on_device(x, place, layout=other), target)
    assert list(tensor.shape) == spec["shape"]
    assert list(tensor.padded_shape) == spec["padded_shape"]
    assert tensor.logical_volume() == spec["volume"]
    assert torch.equal(ttnn.to_torch(tensor).float().reshape(-1), x.reshape(-1))


@pytest.mark.parametrize("dtype", RETURNED, ids=str)
def test_values_are_copies_on_both_ways(device: Any, dtype: Any) -> None:
    x = torch.ones(4, 4).to(RETURNED[dtype])
    tensor = on_device(x, device, dtype)
    host = tensor.cpu()
    x.zero_()
    out = ttnn.to_torch(tensor)
    out.zero_()
    assert (ttnn.to_torch(tensor).double() == 1).all()
    ttnn.deallocate(tensor)
    assert (ttnn.to_torch(host).double() == 1).all()


def test_a_tensor_that_is_transposed_in_torch_arrives_as_it_looks(device: Any) -> None:
    x = values((40, 33)).T
    assert torch.equal(ttnn.to_torch(on_device(x, device)).float(), x)
    needs_grad = values((2, 2)).requires_grad_()
    assert not ttnn.to_torch(on_device(needs_grad, device)).requires_grad


def test_host_tensor(device: Any) -> None:
    host = on_device(values((2, 33)), None)
    assert host.cpu() is host
    assert host.memory_config() == ttnn.DRAM_MEMORY_CONFIG
    host.deallocate()
    ttnn.deallocate(host)
    assert host.is_allocated()
    assert torch.equal(ttnn.to_torch(host).float(), values((2, 33)))


def test_the_copy_on_the_host_forgets_the_memory_config(device: Any) -> None:
    placed = on_device(values((2, 33)), device)
    moved = ttnn.to_memory_config(placed, ttnn.L1_MEMORY_CONFIG)
    assert moved.memory_config() == ttnn.L1_MEMORY_CONFIG
    assert moved.buffer_type() is ttnn.BufferType.L1
    host = moved.cpu()
    assert host.storage_type() is ttnn.StorageType.HOST
    assert host.memory_config() == ttnn.DRAM_MEMORY_CONFIG
    assert (host.dtype, host.layout, list(host.shape)) == (placed.dtype, placed.layout, [2, 33])


def test_a_freed_tensor_still_says_what_it_was(device: Any) -> None:
    tensor = on_device(values((2, 33)), device)
    tensor.deallocate()
    assert not tensor.is_allocated()
    assert tensor.device() is None
    assert tensor.storage_type() is ttnn.StorageType.DEVICE
    assert (list(tensor.shape), list(tensor.padded_shape)) == ([2, 33], [32, 64])
    assert repr(tensor) == (
        "ttnn.Tensor(<buffer is not allocated>, shape=Shape([2, 33]), "
        "dtype=DataType::BFLOAT16, layout=Layout::TILE)"
    )


@pytest.mark.parametrize("name", LAYOUTS)
def test_volumes_and_repr(device: Any, name: str) -> None:
    tensor = on_device(torch.full((2, 3), 1.5), device, layout=LAYOUTS[name])
    assert tensor.logical_volume() == 6
    assert tensor.volume() == (1024 if name == "tile" else 6)
    assert not tensor.is_sharded()
    text = repr(tensor)
    assert text.startswith("ttnn.Tensor([[1.5000, 1.5000, 1.5000],")
    assert text.endswith(
        "shape=Shape([2, 3]), dtype=DataType::BFLOAT16, "
        f"layout=Layout::{'TILE' if name == 'tile' else 'ROW_MAJOR'})"
    )


def test_tensors_are_keys_though_equality_is_elementwise(device: Any) -> None:
    a, b = on_device(torch.ones(2, 2), device), on_device(torch.ones(2, 2), device)
    assert len({a: 1, b: 2}) == 2
    assert (ttnn.to_torch(a == b) == 1).all()
    assert a.item is not None
    with pytest.raises(RuntimeError, match="exactly one element, but got 4 elements"):
        a.item()
    assert ttnn.sum(a).item() == 4.0
