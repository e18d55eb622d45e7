from __future__ import annotations

import gc
from typing import Any

import pytest
import torch
from emulator_golden import values

from symbiote_emulator import ttnn

TILE_BYTES = {
    ttnn.bfloat16: 2048,
    ttnn.float32: 4096,
    ttnn.bfloat8_b: 1088,
    ttnn.bfloat4_b: 576,
    ttnn.uint32: 4096,
    ttnn.uint16: 2048,
}


@pytest.fixture
def device() -> Any:
    return ttnn.open_device()


def dram(device: Any) -> Any:
    return device.memory(ttnn.BufferType.DRAM)


def put(device: Any, shape: tuple[int, ...], dtype: Any = ttnn.bfloat16, **options: Any) -> Any:
    return ttnn.from_torch(
        values(shape), dtype=dtype, layout=ttnn.TILE_LAYOUT, device=device, **options
    )


@pytest.mark.parametrize(("dtype", "tile"), TILE_BYTES.items(), ids=str)
def test_a_tile_takes_its_bytes(device: Any, dtype: Any, tile: int) -> None:
    held = ttnn.from_torch(torch.ones(33, 65), dtype=dtype, layout=ttnn.TILE_LAYOUT, device=device)
    assert dram(device).live_bytes == 2 * 3 * tile
    del held
    assert dram(device).live_bytes == 0


def test_deallocating_frees_and_the_peak_stays(device: Any) -> None:
    a, b = put(device, (32, 32)), put(device, (32, 32))
    assert dram(device).peak_bytes == 2 * 2048
    ttnn.deallocate(a)
    ttnn.deallocate(a)
    assert not a.is_allocated()
    assert dram(device).live_bytes == 2048
    assert dram(device).peak_bytes == 2 * 2048
    del b
    assert dram(device).live_bytes == 0
    device.reset_counters()
    assert dram(device).peak_bytes == 0


def test_l1_and_dram_are_counted_apart(device: Any) -> None:
    held = put(device, (32, 32), memory_config=ttnn.L1_MEMORY_CONFIG)
    assert device.memory(ttnn.BufferType.L1).live_bytes == 2048
    assert dram(device).live_bytes == 0
    assert held.memory_config().buffer_type is ttnn.BufferType.L1


def test_running_out_is_an_error_in_ttnns_words(device: Any) -> None:
    with pytest.raises(RuntimeError) as caught:
        ttnn.empty([1, 16384, 8192], ttnn.bfloat16, ttnn.TILE_LAYOUT, device, ttnn.L1_MEMORY_CONFIG)
    assert (
        "Out of Memory: Not enough space to allocate 268435456 B L1 buffer across 64 banks, where "
        "each bank needs to store 4194304 B"
    ) in str(caught.value)
    assert device.memory(ttnn.BufferType.L1).live_bytes == 0


def test_the_device_has_the_size_of_a_wormhole_n150(device: Any) -> None:
    memory = dram(device)
    assert memory.banks == 12
    assert 11.9 * 2**30 < memory.banks * memory.bank_bytes <= 12 * 2**30
    assert (device.core_grid.x, device.core_grid.y) == (8, 8)


def test_a_hundred_operations_leak_nothing(device: Any) -> None:
    x, w = put(device, (33, 64)), put(device, (64, 64))
    gc.collect()
    before = dram(device).live_bytes
    for _ in range(100):
        y = ttnn.linear(x, w)
        y = ttnn.gelu(ttnn.add(y, x))
        y = ttnn.reshape(ttnn.permute(y, [1, 0]), [64 * 33])
    del y
    assert dram(device).live_bytes == before


def test_a_closed_device_takes_nothing_more(device: Any) -> None:
    ttnn.close_device(device)
    with pytest.raises(RuntimeError, match="is closed"):
        put(device, (32, 32))


def test_what_happens_is_counted(device: Any) -> None:
    x = put(device, (2, 32))
    for _ in range(3):
        y = ttnn.relu(x)
    ttnn.to_torch(y)
    counters = device.counters
    assert counters.operations["ttnn.relu"] == 3
    assert (counters.uploads, counters.downloads) == (1, 1)
    assert counters.upload_bytes == counters.download_bytes == 2048
    device.reset_counters()
    assert device.counters.uploads == 0
    assert not device.counters.operations
