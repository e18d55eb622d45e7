"""Operands and results without elements, where TTNN looks at less, or takes other ways."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import on_device, stored, values

from symbiote_emulator import ttnn
from symbiote_emulator.errors import OperationRefused, WouldCrash, WrongInTTNN

TILE, RM = ttnn.TILE_LAYOUT, ttnn.ROW_MAJOR_LAYOUT


@pytest.mark.parametrize(("shape", "k", "dim"), [((1, 1, 1), 0, -1), ((2, 0), 1, 0)])
def test_nothing_of_a_freed_tensor_is_found_on_the_host(
    device: Any, shape: tuple[int, ...], k: int, dim: int
) -> None:
    freed = on_device(torch.zeros(shape), device)
    ttnn.deallocate(freed)
    for found in ttnn.topk(freed, k, dim):
        assert found.storage_type() is ttnn.StorageType.HOST
        assert (found.shape[dim], found.logical_volume()) == (k, 0)


def test_something_of_a_freed_tensor_is_not_found(device: Any) -> None:
    freed = on_device(torch.zeros(2, 3), device)
    ttnn.deallocate(freed)
    with pytest.raises(RuntimeError, match="The operand is deallocated"):
        ttnn.topk(freed, 1)


@pytest.mark.parametrize("shape", [(0,), (0, 32), (32, 0), (2, 0, 32)])
def test_rows_of_nothing_beside_tiles_are_made_tiles(device: Any, shape: tuple[int, ...]) -> None:
    rows, tiles = (on_device(torch.zeros(shape), device, layout=a) for a in (RM, TILE))
    for left, right in ((rows, tiles), (tiles, rows)):
        out = ttnn.add(left, right)
        assert (tuple(out.shape), out.layout) == (shape, TILE)
    cut = on_device(torch.zeros(4, 0), device, layout=RM)
    with pytest.raises(RuntimeError, match="Operands of two layouts, without elements"):
        ttnn.add(cut, on_device(torch.zeros(4, 0), device))


@pytest.mark.parametrize("dtype", [ttnn.bfloat16, ttnn.int32, ttnn.bfloat8_b])
def test_a_part_of_nothing_may_be_outside(device: Any, dtype: Any) -> None:
    x = on_device(torch.zeros(4, 5), device, dtype)
    assert tuple(x[9:9].shape) == (0, 5)
    assert tuple(ttnn.slice(x, [1, 0], [7, 0]).shape) == (6, 0)
    assert tuple(ttnn.slice(x, [0, 9], [4, 9], [1, 1]).shape) == (4, 0)
    for start, end in (([1, 0], [7, 1]), ([4, 0], [5, 5])):
        with pytest.raises(RuntimeError, match="must be less than or equal"):
            ttnn.slice(x, start, end)
    with pytest.raises(RuntimeError, match="must be greater than or equal to start"):
        ttnn.slice(x, [7, 0], [6, 0])


@pytest.mark.parametrize("dtype", [ttnn.uint8, ttnn.uint16])
def test_any_dtype_of_nothing_takes_another_shape(device: Any, dtype: Any) -> None:
    assert tuple(ttnn.reshape(on_device(torch.zeros(0, 32), device, dtype), [0]).shape) == (0,)
    assert tuple(on_device(torch.zeros(63, 2), device, dtype)[32:32, -2].shape) == (0,)
    with pytest.raises(RuntimeError, match="Can only work with"):
        ttnn.reshape(on_device(torch.zeros(3, 32), device, dtype), [96])


@pytest.mark.parametrize(
    ("shape", "kind", "accepts"),
    [
        ((0, 1), "HEIGHT", True),
        ((0, 1), "WIDTH", False),
        ((0, 1), "BLOCK", False),
        ((64, 0), "HEIGHT", False),
        ((64, 0), "WIDTH", True),
    ],
)
def test_nothing_is_sharded_along_what_there_is(
    device: Any, shape: tuple[int, ...], kind: str, accepts: bool
) -> None:
    x, asked = on_device(torch.zeros(shape), device), f"L1_{kind}_SHARDED_MEMORY_CONFIG"
    if accepts:
        shards = ttnn.exp(x, memory_config=getattr(ttnn, asked)).memory_config().shard_spec
        assert shards.grid.num_cores() == 1
        return
    with pytest.raises(RuntimeError, match="zero-volume specless-sharded"):
        ttnn.exp(x, memory_config=getattr(ttnn, asked))


def test_bytes_of_a_vector_stay_whole(device: Any) -> None:
    x = on_device(torch.arange(96), device, ttnn.uint8)
    assert torch.equal(stored(x[0:96]), torch.arange(96).double())
    for part in (slice(-96, 96), slice(0, 64), slice(32, 64)):
        with pytest.raises(RuntimeError, match="Can only tilize bfloat16/float32"):
            x[part]
    assert tuple(on_device(values((3,)), device)[0:2].shape) == (2,)


def test_an_empty_vector_goes_first_before_whole_tiles(device: Any) -> None:
    empty, whole = (on_device(torch.ones(n), device) for n in (0, 64))
    assert tuple(ttnn.concat([empty, whole, empty, whole]).shape) == (128,)
    for others in ([empty], [on_device(torch.ones(33), device), whole]):
        with pytest.raises(RuntimeError, match="An operand has no elements"):
            ttnn.concat([empty, *others])


@pytest.mark.parametrize(
    "repeat",
    [
        lambda x, **k: ttnn.repeat(x, [1, 1], **k),
        lambda x, **k: ttnn.expand(x, [2, 0], **k),
        lambda x, **k: ttnn.repeat_interleave(x, 1, 0, **k),
    ],
    ids=["repeat", "expand", "repeat_interleave"],
)
def test_rows_of_nothing_that_are_only_moved_would_crash(device: Any, repeat: Any) -> None:
    x = on_device(torch.zeros(2, 0), device, layout=RM)
    assert tuple(repeat(x).shape) == (2, 0)
    assert tuple(repeat(x, memory_config=ttnn.DRAM_MEMORY_CONFIG).shape) == (2, 0)
    with pytest.raises(RuntimeError, match="Rows without elements"):
        repeat(x, memory_config=ttnn.L1_MEMORY_CONFIG)


@pytest.mark.parametrize("dtype", [ttnn.uint8, ttnn.uint16])
def test_a_vector_of_short_integers_is_not_even_repeated_once(device: Any, dtype: Any) -> None:
    with pytest.raises(RuntimeError, match="does not take DataType"):
        ttnn.repeat_interleave(on_device(torch.ones(2), device, dtype), 1, -1)
    rows = ttnn.repeat_interleave(on_device(torch.ones(2, 2), device, dtype), 1, -1)
    assert tuple(rows.shape) == (2, 2)


def test_a_part_may_end_in_the_padding_of_no_tile(device: Any) -> None:
    x = on_device(values((33, 1)), device)
    for start, end in (([32, 0], [48, 1]), ([0, 0], [33, 2])):
        with pytest.raises(WrongInTTNN, match="An end in the padding of tiles"):
            ttnn.slice(x, start, end)
    with pytest.raises(WrongInTTNN, match="An end in the padding of tiles"):
        x[32:48]
    for start, end in (([1, 0], [48, 1]), ([0, 0], [65, 1])):
        with pytest.raises(OperationRefused, match="must be less than or equal to the shape"):
            ttnn.slice(x, start, end)


def test_a_part_does_not_end_before_the_first_element(device: Any) -> None:
    x = on_device(values((1, 2)), device)
    with pytest.raises(WrongInTTNN, match="An end before the first element"):
        ttnn.slice(x, [1, 0], [1, -5])
    with pytest.raises(OperationRefused, match="must be less than or equal to the shape"):
        ttnn.slice(x, [0, 0], [1, -5])
    nothing = on_device(torch.zeros(3, 0), device)
    assert tuple(ttnn.slice(nothing, [1, 0], [3, -1], [1, 3]).shape) == (2, 0)


def test_no_elements_go_to_shards_or_other_rows(device: Any) -> None:
    x = on_device(values((2, 40)), device)
    with pytest.raises(WouldCrash, match="Shards of no elements"):
        ttnn.slice(x, [1, 0], [1, 40], memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG)
    rows = on_device(torch.zeros(2, 0), device, layout=RM)
    with pytest.raises(WouldCrash, match="Rows without elements"):
        ttnn.split(rows, 33, 0, memory_config=ttnn.L1_MEMORY_CONFIG)


@pytest.mark.parametrize(("sizes", "crashes"), [((1, 0, 33), True), ((32, 0, 32), False)])
def test_a_vector_of_nothing_among_vectors_of_parts_of_tiles(
    device: Any, sizes: tuple[int, ...], crashes: bool
) -> None:
    vectors = [on_device(values((n,)), device) for n in sizes]
    if not crashes:
        assert tuple(ttnn.concat(vectors, 0).shape) == (64,)
        return
    with pytest.raises(WouldCrash, match="An operand has no elements"):
        ttnn.concat(vectors, 0)


@pytest.mark.parametrize("layout", [TILE, RM])
@pytest.mark.parametrize(
    ("arch", "memory", "aligned"),
    [("WORMHOLE_B0", "DRAM", 32), ("BLACKHOLE", "DRAM", 64), ("BLACKHOLE", "L1", 16)],
)
def test_a_vector_of_nothing_goes_beside_rows_that_end_where_memory_aligns(
    arch: str, memory: str, aligned: int, layout: Any
) -> None:
    chip = ttnn.open_device(arch=getattr(ttnn.Arch, arch))
    config = getattr(ttnn, f"{memory}_MEMORY_CONFIG")

    def vector(size: int) -> Any:
        return ttnn.from_torch(
            torch.ones(size),
            dtype=ttnn.bfloat16,
            layout=layout,
            device=chip,
            memory_config=config,
        )

    whole = aligned // 2
    assert tuple(ttnn.concat([vector(0), vector(whole)], 0).shape) == (whole,)
    with pytest.raises(WouldCrash, match="An operand has no elements"):
        ttnn.concat([vector(0), vector(whole // 2)], 0)


@pytest.mark.parametrize("layout", [TILE, RM])
def test_nothing_stays_in_its_memory_in_another_shape(device: Any, layout: Any) -> None:
    x = on_device(torch.zeros(0, 3), device, layout=layout)
    out = ttnn.reshape(x, [5, 0], memory_config=ttnn.L1_MEMORY_CONFIG)
    assert (tuple(out.shape), out.memory_config()) == ((5, 0), ttnn.DRAM_MEMORY_CONFIG)


def test_bytes_and_shorts_of_one_element_are_repeated_once(device: Any) -> None:
    one, two = (on_device(torch.ones(n), device, ttnn.uint16) for n in (1, 2))
    assert stored(ttnn.repeat_interleave(one, 1, 0)).tolist() == [1.0]
    for vector, count in ((one, 2), (two, 1)):
        with pytest.raises(OperationRefused, match="does not take DataType::UINT16"):
            ttnn.repeat_interleave(vector, count, 0)
    nothing = on_device(torch.zeros(1, 0, 1), device, ttnn.uint8, RM)
    with pytest.raises(OperationRefused, match="has no producer"):
        ttnn.repeat_interleave(nothing, 2, 1)


@pytest.mark.parametrize("dtype", [ttnn.bfloat8_b, ttnn.bfloat4_b])
def test_whole_tiles_of_block_floats_stay_tiles_on_the_host(dtype: Any) -> None:
    whole, part = (ttnn.from_torch(values((32, n)), dtype=dtype, layout=TILE) for n in (32, 5))
    assert ttnn.to_layout(whole, RM).layout is TILE
    with pytest.raises(OperationRefused, match="Only TILE layout is supported for BFLOAT8_B"):
        ttnn.to_layout(part, RM)
