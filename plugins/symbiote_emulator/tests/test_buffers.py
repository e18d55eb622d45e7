"""Buffers: who shares one, when it is given back, and the numbers of an out-of-memory error.

``test_memory.py`` has the bytes of tiles, peaks and leaks.
"""

from __future__ import annotations

import gc
from typing import Any

import pytest
import torch
from emulator_golden import on_device, values

from symbiote_emulator import ttnn
from symbiote_emulator.errors import OutOfMemoryError

DRAM, L1 = ttnn.BufferType.DRAM, ttnn.BufferType.L1
L1_BANK = 1_393_312
"""Usable bytes of an L1 bank of a Wormhole, from TTNN's mock device."""


@pytest.fixture
def device() -> Any:
    return ttnn.open_device()


def in_l1(device: Any, tiles: int) -> Any:
    """As many bfloat16 tiles, dealt to 64 banks."""
    return ttnn.empty(
        [32, 32 * tiles], ttnn.bfloat16, ttnn.TILE_LAYOUT, device, ttnn.L1_MEMORY_CONFIG
    )


def test_the_last_reference_frees_without_the_garbage_collector(device: Any) -> None:
    gc.disable()
    try:
        a = on_device(values((64, 64)), device)
        b = a
        del a
        assert device.memory(DRAM).live_bytes == 4 * 2048
        del b
        assert device.memory(DRAM).live_bytes == 0
        assert device.memory(DRAM).buffers == 0
    finally:
        gc.enable()


def test_a_view_shares_the_buffer_and_keeps_it(device: Any) -> None:
    memory = device.memory(DRAM)
    a = on_device(values((32, 32)), device)
    view = ttnn.reshape(a, [1, 32, 32])
    assert (memory.buffers, memory.live_bytes) == (1, 2048)
    del a
    assert view.is_allocated()
    assert memory.live_bytes == 2048
    assert torch.equal(ttnn.to_torch(view)[0].float(), values((32, 32)))
    del view
    assert memory.live_bytes == 0


@pytest.mark.parametrize("first", [0, 1], ids=["original", "view"])
def test_deallocating_one_frees_both(device: Any, first: int) -> None:
    a = on_device(values((32, 32)), device)
    pair = (a, ttnn.reshape(a, [1, 32, 32]))
    ttnn.deallocate(pair[first])
    assert [t.is_allocated() for t in pair] == [False, False]
    assert device.memory(DRAM).live_bytes == 0
    with pytest.raises(RuntimeError, match="deallocated"):
        ttnn.to_torch(pair[1 - first])


def test_without_force_shared_memory_is_left_alone(device: Any) -> None:
    a = on_device(values((32, 32)), device)
    view = ttnn.reshape(a, [1, 32, 32])
    ttnn.deallocate(a, force=False)
    assert a.is_allocated()
    assert view.is_allocated()
    del view
    ttnn.deallocate(a, force=False)
    assert not a.is_allocated()
    assert device.memory(DRAM).live_bytes == 0


def test_a_result_has_memory_of_its_own(device: Any) -> None:
    a = on_device(values((32, 32)), device)
    b = ttnn.relu(a)
    assert device.memory(DRAM).buffers == 2
    ttnn.deallocate(a)
    assert torch.equal(ttnn.to_torch(b).float(), values((32, 32)).relu())


def test_l1_fills_to_its_last_tile_and_no_further(device: Any) -> None:
    memory = device.memory(L1)
    assert (memory.banks, memory.bank_bytes) == (64, L1_BANK)
    most = L1_BANK // 2048  # tiles of a bank
    full = in_l1(device, 64 * most)
    assert memory.live_bytes == 64 * most * 2048
    free = L1_BANK - most * 2048
    with pytest.raises(OutOfMemoryError) as caught:
        in_l1(device, 1)
    assert str(caught.value) == (
        "TT_FATAL @ ttnn.empty\ninfo:\n"
        "Out of Memory: Not enough space to allocate 2048 B L1 buffer across 64 banks, where each "
        f"bank needs to store 2048 B, but bank size is {L1_BANK} B (allocated: {most * 2048} B, "
        f"free: {free} B, largest free block: {free} B).\n"
        "Deallocate tensors that are no longer needed, or use smaller dtypes or batches."
    )
    assert caught.value.data == {
        "nbytes": 2048,
        "bytes_per_bank": 2048,
        "free_bytes_per_bank": free,
    }
    # The refused buffer took nothing, and what is given back can be had again.
    assert memory.live_bytes == memory.peak_bytes == 64 * most * 2048
    ttnn.deallocate(full)
    again = in_l1(device, 64 * most)
    assert again.is_allocated()


def test_one_tile_too_many_in_a_fresh_bank(device: Any) -> None:
    with pytest.raises(OutOfMemoryError, match="allocated: 0 B"):
        in_l1(device, 64 * (L1_BANK // 2048) + 1)
    assert device.memory(L1).buffers == 0


def test_an_operation_that_runs_out_leaves_its_operands(device: Any) -> None:
    half = 64 * (L1_BANK // 2048 // 2 + 1)
    a = in_l1(device, half)
    live = device.memory(L1).live_bytes
    with pytest.raises(OutOfMemoryError, match=r"TT_FATAL @ ttnn\.relu\ninfo:\nOut of Memory"):
        ttnn.relu(a, memory_config=ttnn.L1_MEMORY_CONFIG)
    assert a.is_allocated()
    assert device.memory(L1).live_bytes == live


def test_l1_small_is_taken_off_every_bank() -> None:
    small = ttnn.open_device(l1_small_size=32768)
    assert small.memory(L1).bank_bytes == L1_BANK - 32768


def test_other_buffer_types_are_refused(device: Any) -> None:
    with pytest.raises(RuntimeError, match=r"not emulated.*\n.*DRAM or ttnn\.BufferType\.L1"):
        device.memory(ttnn.BufferType.L1_SMALL)


def test_a_closed_device_gives_back_what_it_holds() -> None:
    device = ttnn.open_device(3)
    a, b = on_device(values((32, 32)), device), on_device(values((32, 32)), device)
    ttnn.close_device(device)
    ttnn.close_device(device)
    assert not device.is_open
    with pytest.raises(RuntimeError, match=r"Device 3 is closed\.\nOpen a device with"):
        ttnn.relu(a)
    ttnn.deallocate(a)
    del b
    assert device.memory(DRAM).live_bytes == 0
