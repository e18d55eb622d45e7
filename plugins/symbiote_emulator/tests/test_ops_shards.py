"""Sharded operands: which TTNN takes, and what becomes of the shards."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import on_device, sharded, shards_of, stored, values

from symbiote_emulator import ttnn

ROW_MAJOR = ttnn.ShardOrientation.ROW_MAJOR


@pytest.mark.parametrize(
    ("kind", "grid", "shard", "rows", "expected"),
    [
        ("HEIGHT", (1, 2), (96, 64), 4, (2, (64, 64))),
        ("HEIGHT", (1, 4), (64, 64), 4, (4, (32, 64))),
        ("BLOCK", (2, 2), (96, 32), 4, (4, (64, 32))),
        ("BLOCK", (1, 1), (224, 64), 3, (1, (96, 64))),
        ("WIDTH", (2, 1), (160, 32), 2, (2, (64, 32))),
        ("HEIGHT", (1, 2), (128, 64), 5, (2, (128, 64))),
    ],
)
def test_a_part_is_sharded_evenly_and_the_whole_as_it_was(
    device: Any,
    kind: str,
    grid: tuple[int, int],
    shard: tuple[int, int],
    rows: int,
    expected: tuple[int, tuple[int, int]],
) -> None:
    x = values((5, 32, 64))
    part = sharded(device, x, kind, grid, shard)[:rows]
    assert shards_of(part) == expected
    assert torch.equal(stored(part), x[:rows].double())


def test_a_part_of_no_rows_is_sharded_as_the_whole(device: Any) -> None:
    x = sharded(device, values((32, 65)), "HEIGHT", (1, 2), (32, 96))
    assert shards_of(x[0:0]) == (2, (32, 96))
    with pytest.raises(RuntimeError, match="Shard width 96 must match physical width 32"):
        x[0:0, 64:65]


@pytest.mark.parametrize(
    ("kind", "grid", "shard", "asked", "expected"),
    [
        ("HEIGHT", (1, 2), (320, 64), "HEIGHT", (2, (128, 64))),
        ("HEIGHT", (1, 2), (256, 64), "HEIGHT", (6, (32, 64))),
        ("WIDTH", (2, 1), (480, 32), "HEIGHT", (6, (32, 64))),
        ("HEIGHT", (1, 2), (320, 64), "WIDTH", (2, (192, 32))),
    ],
)
def test_a_part_goes_to_shards_in_proportion_or_to_all_cores(
    device: Any,
    kind: str,
    grid: tuple[int, int],
    shard: tuple[int, int],
    asked: str,
    expected: tuple[int, tuple[int, int]],
) -> None:
    x = sharded(device, values((5, 96, 64)), kind, grid, shard)
    memory = getattr(ttnn, f"L1_{asked}_SHARDED_MEMORY_CONFIG")
    assert shards_of(ttnn.slice(x, [2, 0, 0], [4, 96, 64], memory_config=memory)) == expected


@pytest.mark.parametrize(
    ("shape", "cores", "rows", "columns", "dtype", "refusal"),
    [
        ((2, 64, 64), 2, 64, 32, ttnn.bfloat16, None),
        ((2, 64, 64), 4, 32, 32, ttnn.bfloat16, None),
        ((2, 1, 64), 1, 64, 1, ttnn.bfloat16, r"out_subblock_h \(2\) needs to divide M \(1\)"),
        ((4, 32, 64), 1, 128, 160, ttnn.bfloat16, None),
        ((4, 32, 64), 1, 128, 160, ttnn.float32, r"out_subblock_h \(4\) needs to divide M \(1\)"),
        ((3, 64, 64), 2, 96, 32, ttnn.bfloat16, "per_core_M, 3, must be a multiple of M, 2"),
        ((3, 64, 64), 2, 128, 32, ttnn.bfloat16, "total height, 6, must be divisible by per_core"),
        ((2, 96, 64), 3, 64, 32, ttnn.bfloat16, "per_core_M, 2, must divide M, 3"),
        ((2, 32, 64), 2, 32, 32, ttnn.bfloat16, None),
    ],
)
def test_shards_of_a_batched_product_are_blocks_of_it(
    device: Any,
    shape: tuple[int, int, int],
    cores: int,
    rows: int,
    columns: int,
    dtype: Any,
    refusal: str | None,
) -> None:
    x = sharded(device, values(shape), "HEIGHT", (1, cores), (rows, 64))
    weight = values((shape[0], 64, columns), 1)
    if refusal is None:
        out = ttnn.matmul(x, on_device(weight, device), dtype=dtype)
        assert tuple(out.shape) == (*shape[:2], columns)
        return
    with pytest.raises(RuntimeError, match=refusal):
        ttnn.matmul(x, on_device(weight, device), dtype=dtype)


def test_a_shard_of_a_batched_product_holds_whole_rows(device: Any) -> None:
    x = sharded(device, values((2, 32, 64)), "BLOCK", (2, 2), (32, 32))
    with pytest.raises(RuntimeError, match=r"K \(64\) must equal in0 shard_shape\[1\] \(32\)"):
        ttnn.matmul(x, on_device(values((2, 64, 32)), device))


def test_shards_of_no_rows_are_of_whole_words(device: Any) -> None:
    def empty(width: int, dtype: Any) -> Any:
        core = ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(0, 0))])
        spec = ttnn.ShardSpec(core, (4, width), ROW_MAJOR)
        kind, buffer = ttnn.TensorMemoryLayout.HEIGHT_SHARDED, ttnn.BufferType.L1
        memory = ttnn.MemoryConfig(kind, buffer, spec)
        return ttnn.zeros([0, width], dtype, device=device, memory_config=memory)

    assert empty(33, ttnn.float32).is_sharded()
    assert empty(34, ttnn.bfloat16).is_sharded()
    with pytest.raises(RuntimeError, match="Physical width 34 must be multiple of page width 4"):
        empty(34, ttnn.uint8)
    with pytest.raises(RuntimeError, match="Shard shape must have non zero volume"):
        empty(0, ttnn.bfloat16)


@pytest.mark.parametrize("lead", [(), (2, 1)])
def test_softmax_of_padded_rows_goes_to_whole_rows(device: Any, lead: tuple[int, ...]) -> None:
    height = 32 * (2 if lead else 1)
    padded = sharded(device, values((*lead, 32, 33)), "BLOCK", (2, 1), (height, 32))
    with pytest.raises(RuntimeError, match="Changing the last dimension of a sharded tensor"):
        ttnn.softmax(padded, -1)
    assert not ttnn.softmax(padded, -1, memory_config=ttnn.L1_MEMORY_CONFIG).is_sharded()
    whole = sharded(device, values((*lead, 32, 33)), "HEIGHT", (1, 1), (height, 64))
    full = sharded(device, values((*lead, 32, 64)), "BLOCK", (2, 1), (height, 32))
    for x in (whole, full):
        assert ttnn.softmax(x, -1).memory_config() == x.memory_config()


@pytest.mark.parametrize(("mode", "height"), [(None, 1), ("trunc", 32), ("floor", 32)])
def test_a_rounded_quotient_is_in_shards_of_whole_tiles(
    device: Any, mode: str | None, height: int
) -> None:
    rows = on_device(values((5, 32)), device, layout=ttnn.ROW_MAJOR_LAYOUT)
    memory = ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG
    out = ttnn.divide(rows, 2.0, memory_config=memory, rounding_mode=mode)
    assert shards_of(out) == (5, (height, 32))


def test_an_extremum_in_another_dtype_needs_the_shards(device: Any) -> None:
    x, memory = on_device(values((5, 32)), device), ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG
    assert ttnn.maximum(x, 3, memory_config=memory).is_sharded()
    with pytest.raises(RuntimeError, match="bad optional access"):
        ttnn.minimum(x, 3, memory_config=memory, dtype=ttnn.float32)


@pytest.mark.parametrize(("heads", "shard", "accepts"), [(1, 32, True), (1, 64, False)])
def test_a_token_comes_in_shards_that_divide_it(
    device: Any, heads: int, shard: int, accepts: bool
) -> None:
    cache = on_device(values((1, heads, 32, 32)), device)
    token = sharded(device, values((1, heads, 1, 32)), "HEIGHT", (1, 1), (shard, 32))
    if accepts:
        assert ttnn.update_cache(cache, token, 7) is cache
        return
    with pytest.raises(RuntimeError, match="physical_volume"):
        ttnn.update_cache(cache, token, 7)


def test_a_rotation_of_nothing_in_shards_is_refused(device: Any) -> None:
    table = on_device(values((1, 1, 32, 32)), device)
    empty = on_device(torch.zeros(0, 1, 32, 32), device)
    assert ttnn.experimental.rotary_embedding(empty, table, table).logical_volume() == 0
    core = ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(0, 0))])
    spec = ttnn.ShardSpec(core, (32, 32), ROW_MAJOR)
    kind, buffer = ttnn.TensorMemoryLayout.HEIGHT_SHARDED, ttnn.BufferType.L1
    memory = ttnn.MemoryConfig(kind, buffer, spec)
    nowhere = ttnn.zeros(
        [0, 1, 32, 32], layout=ttnn.TILE_LAYOUT, device=device, memory_config=memory
    )
    with pytest.raises(RuntimeError, match="Cannot set circular buffer size"):
        ttnn.experimental.rotary_embedding(nowhere, table, table)


def test_padding_of_sharded_tiles(device: Any) -> None:
    several = sharded(device, values((2, 32, 5)), "HEIGHT", (1, 1), (64, 32))
    with pytest.raises(RuntimeError, match=r"N_slices > 1 not yet supported \(got 2\)"):
        ttnn.pad(several, [(0, 0), (0, 0), (0, 1)], 2.0)
    one = sharded(device, values((32, 5)), "HEIGHT", (1, 1), (32, 32))
    assert ttnn.pad(one, [(0, 0), (0, 1)], 2.0).memory_config() == one.memory_config()
    moved = ttnn.pad(one, [(0, 0), (0, 1)], 2.0, memory_config=ttnn.DRAM_MEMORY_CONFIG)
    assert moved.memory_config() == ttnn.DRAM_MEMORY_CONFIG


def test_shards_of_rows_become_shards_of_columns(device: Any) -> None:
    x = values((64, 64))
    turned = ttnn.transpose(sharded(device, x, "HEIGHT", (1, 2), (32, 64)), -2, -1)
    assert turned.memory_config().memory_layout is ttnn.TensorMemoryLayout.WIDTH_SHARDED
    assert shards_of(turned) == (2, (64, 32))
    assert torch.equal(stored(turned), x.T.double())


def test_a_dimension_exchanged_with_itself(device: Any) -> None:
    for rank, freed_passes in ((3, False), (4, True), (5, False)):
        freed = on_device(torch.zeros([2] * rank), device)
        ttnn.deallocate(freed)
        if freed_passes:
            assert ttnn.transpose(freed, -1, rank - 1) is freed
        else:
            with pytest.raises(RuntimeError, match="not allocated"):
                ttnn.transpose(freed, -1, rank - 1)
    host = ttnn.from_torch(torch.zeros([2] * 5))
    with pytest.raises(RuntimeError, match="Tensor must already be on device"):
        ttnn.transpose(host, 1, 1)


def test_shards_are_moved_as_they_are(device: Any) -> None:
    x = sharded(device, values((64, 32)), "HEIGHT", (1, 2), (32, 32))
    expected, before = stored(x), x.memory_config()
    moved = ttnn.move(x, memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG)
    assert moved.memory_config() == before
    assert torch.equal(stored(moved), expected)
    assert not x.is_allocated()
