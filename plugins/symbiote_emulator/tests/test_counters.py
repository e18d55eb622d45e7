"""What a device was asked to do: the counts that explain a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from emulator_golden import on_device, values

from symbiote_emulator import ttnn


@pytest.fixture
def device() -> Any:
    return ttnn.open_device()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda a, b: ttnn.relu(a), "ttnn.relu"),
        (lambda a, b: ttnn.relu(input_tensor=a), "ttnn.relu"),
        (lambda a, b: ttnn.linear(input_tensor_a=a, input_tensor_b=b), "ttnn.linear"),
        (lambda a, b: ttnn.concat([a, b], dim=0), "ttnn.concat"),
        (lambda a, b: ttnn.concat((a, b), dim=0), "ttnn.concat"),
        (lambda a, b: ttnn.concat(tensors=[a, b], dim=0), "ttnn.concat"),
        (lambda a, b: a + b, "ttnn.add"),
        (lambda a, b: 1.0 + a, "ttnn.add"),
        (lambda a, b: 1.0 - a, "ttnn.rsub"),
        (lambda a, b: a @ b, "ttnn.matmul"),
        (lambda a, b: a[0:1], "ttnn.Tensor.__getitem__"),
        (lambda a, b: a.to(ttnn.ROW_MAJOR_LAYOUT), "ttnn.to_layout"),
        (lambda a, b: ttnn.to_torch(a), "ttnn.to_torch"),
    ],
)
def test_every_way_to_call_an_operation_is_counted_once(
    device: Any, call: Callable[[Any, Any], Any], name: str
) -> None:
    a, b = on_device(values((32, 32)), device), on_device(values((32, 32)), device)
    device.reset_counters()
    call(a, b)
    assert device.counters.operations == {name: 1}


def test_a_refused_call_is_not_counted(device: Any) -> None:
    a, b = on_device(values((32, 32)), device), on_device(values((64, 32)), device)
    with pytest.raises(RuntimeError, match="width of the first tensor"):
        ttnn.linear(a, b)
    with pytest.raises(TypeError):
        ttnn.relu(a, bogus=1)
    assert not device.counters.operations


def test_operations_inside_an_operation_are_not_counted(device: Any) -> None:
    a = on_device(values((2, 32, 32)), device)
    ttnn.linear(a, on_device(values((32, 32)), device), bias=a, activation="relu")
    ttnn.softmax(a, dim=-1)
    assert device.counters.operations == {"ttnn.linear": 1, "ttnn.softmax": 1}


@pytest.mark.parametrize(
    ("dtype", "layout", "nbytes"),
    [
        (ttnn.bfloat16, ttnn.TILE_LAYOUT, 2 * 2048),
        (ttnn.float32, ttnn.TILE_LAYOUT, 2 * 4096),
        (ttnn.bfloat8_b, ttnn.TILE_LAYOUT, 2 * 1088),
        (ttnn.bfloat4_b, ttnn.TILE_LAYOUT, 2 * 576),
        (ttnn.bfloat16, ttnn.ROW_MAJOR_LAYOUT, 3 * 33 * 2),
    ],
)
def test_transfers_are_counted_with_the_bytes_that_move(
    device: Any, dtype: Any, layout: Any, nbytes: int
) -> None:
    counters = device.counters
    placed = on_device(values((3, 33)), device, dtype, layout)
    assert (counters.uploads, counters.upload_bytes) == (1, nbytes)
    assert (counters.downloads, counters.download_bytes) == (0, 0)
    host = placed.cpu()
    ttnn.to_torch(placed)
    ttnn.from_device(placed)
    assert (counters.downloads, counters.download_bytes) == (3, 3 * nbytes)
    ttnn.to_device(host, device)
    assert (counters.uploads, counters.upload_bytes) == (2, 2 * nbytes)


def test_what_moves_nothing_counts_as_no_transfer(device: Any) -> None:
    host = on_device(values((3, 33)), None)
    ttnn.to_torch(host)
    host.cpu()
    made = ttnn.zeros([3, 33], dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device)
    repr(made)
    ttnn.to_device(made, device)  # is there already
    assert (device.counters.uploads, device.counters.downloads) == (0, 0)


def test_devices_count_apart_and_reset_starts_again(device: Any) -> None:
    other = ttnn.open_device(1)
    ttnn.relu(on_device(values((2, 2)), device))
    assert device.counters.operations == {"ttnn.relu": 1}
    assert not other.counters.operations
    assert other.counters.uploads == 0
    before = device.counters
    device.reset_counters()
    assert (device.counters.uploads, device.counters.upload_bytes) == (0, 0)
    assert not device.counters.operations
    # Counts that were taken out before stay as they were.
    assert (before.uploads, before.upload_bytes) == (1, 2048)
