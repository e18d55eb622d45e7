"""Shards that TTNN chooses: of rows, of tensors that grow, and of heads put together."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import on_device, sharded, shards_of, stored, values

from symbiote_conformance import Bench, Call, Status
from symbiote_conformance.strategies.describe import memory_config, tensor
from symbiote_emulator import ttnn
from symbiote_emulator.errors import WouldCrash

ROWS = ttnn.ROW_MAJOR_LAYOUT


def bare(kind: str) -> Any:
    """In shards in L1 that nobody gives."""
    return getattr(ttnn, f"L1_{kind}_SHARDED_MEMORY_CONFIG")


@pytest.mark.parametrize(
    ("width", "dtype", "expected"),
    [
        (40, ttnn.bfloat16, (5, (4, 8))),
        (40, ttnn.float32, (10, (4, 4))),
        (12, ttnn.bfloat16, (1, (4, 32))),
        (65, ttnn.float32, (3, (4, 32))),
    ],
)
def test_shards_of_columns_of_rows_are_aligned_or_as_wide_as_tiles(
    device: Any, width: int, dtype: Any, expected: tuple[int, tuple[int, int]]
) -> None:
    x = on_device(values((4, width)), device, dtype=dtype, layout=ROWS)
    for op in (ttnn.exp, ttnn.abs, ttnn.logical_not):
        assert shards_of(op(x, memory_config=bare("WIDTH"))) == expected
    assert shards_of(ttnn.exp(x, memory_config=bare("HEIGHT"))) == (4, (1, width))
    assert shards_of(ttnn.add(x, x, memory_config=bare("WIDTH")))[1] == (4, 1 + (width > 64))


@pytest.mark.parametrize(
    ("shape", "kind", "expected"),
    [
        ((48, 2), "HEIGHT", (48, (32, 32))),
        ((200, 33), "HEIGHT", (50, (32, 33))),
        ((48, 2), "WIDTH", (2, (48, 32))),
        ((200, 33), "BLOCK", (56, (32, 32))),
    ],
)
def test_shards_of_rounded_quotients_are_no_smaller_than_tiles(
    device: Any, shape: tuple[int, int], kind: str, expected: tuple[int, tuple[int, int]]
) -> None:
    x = on_device(values(shape), device, layout=ROWS)
    out = ttnn.divide(x, 2.0, rounding_mode="floor", memory_config=bare(kind))
    assert shards_of(out) == expected


def test_a_vector_in_rows_is_in_shards_of_one_row(device: Any) -> None:
    x = on_device(values((40,)), device, layout=ROWS)
    assert shards_of(ttnn.exp(x, memory_config=bare("HEIGHT"))) == (1, (1, 40))
    with pytest.raises(RuntimeError, match="Shard shape must be 1D for 1D tensor"):
        ttnn.divide(x, 2.0, rounding_mode="floor", memory_config=bare("HEIGHT"))


def test_where_counts_the_rows_of_its_predicate(device: Any) -> None:
    for shape, fits in (((40, 40), True), ((2, 40, 40), False)):
        rows, tiles = (on_device(values(shape), device, layout=x) for x in (ROWS, ttnn.TILE_LAYOUT))
        assert ttnn.where(tiles, rows, 1.0, memory_config=bare("HEIGHT")).is_sharded()
        if fits:
            out = ttnn.where(rows, tiles, 1.0, memory_config=bare("HEIGHT"))
            assert shards_of(out) == (2, (32, 64))
        else:
            with pytest.raises(RuntimeError, match="along height 4 must not exceed number"):
                ttnn.where(rows, tiles, 1.0, memory_config=bare("HEIGHT"))


def test_where_takes_the_shards_of_its_predicate(device: Any) -> None:
    x = values((80, 8))
    predicate, other = sharded(device, x, "HEIGHT", (1, 1), (96, 32)), on_device(x, device)
    for choices in ((other, 2), (2, other), (other, other)):
        out = ttnn.where(predicate, *choices, memory_config=bare("HEIGHT"))
        assert shards_of(out) == (1, (96, 32))
    blocks = sharded(device, x[:32], "BLOCK", (2, 2), (32, 32))
    part = on_device(x[:32], device)
    of_two = ttnn.where(part, blocks, 2, memory_config=bare("HEIGHT"))
    of_three = ttnn.where(part, blocks, part, memory_config=bare("HEIGHT"))
    kinds = [t.memory_config().memory_layout.name for t in (of_two, of_three)]
    assert kinds == ["BLOCK_SHARDED", "HEIGHT_SHARDED"]


@pytest.mark.parametrize(
    ("shape", "cores", "shard", "back", "expected"),
    [
        ((32, 5), 1, (32, 32), (0, 32), (32, 64)),
        ((1, 32, 2), 1, (32, 32), (32, 2), (64, 32)),
        ((64, 32), 2, (32, 32), (0, 1), (32, 64)),
        ((32, 32), 2, (32, 32), (32, 0), (32, 32)),
        ((63, 2), 4, (32, 32), (32, 0), r"Physical shard shape \(16, 32\)"),
        ((64, 32), 2, (32, 32), (32, 32), r"Physical shard shape \(48, 64\)"),
        ((63, 2), 2, (32, 32), (0, 32), "Can only pad tilized tensor with full tiles"),
        ((64, 32), 2, (32, 32), (32, 0), "along height 3 must not exceed number of cores 2"),
    ],
)
def test_padding_widens_shards_of_rows(
    device: Any,
    shape: tuple[int, ...],
    cores: int,
    shard: tuple[int, int],
    back: tuple[int, int],
    expected: tuple[int, int] | str,
) -> None:
    value = values(shape)
    x = sharded(device, value, "HEIGHT", (1, cores), shard)
    pads = [(0, 0)] * (len(shape) - 2) + [(0, n) for n in back]
    if isinstance(expected, str):
        with pytest.raises(RuntimeError, match=expected):
            ttnn.pad(x, pads, 2.0)
        return
    out = ttnn.pad(x, pads, 2.0)
    assert shards_of(out) == (cores, expected)
    whole = torch.nn.functional.pad(value, (0, back[1], 0, back[0]), value=2.0)
    assert torch.equal(stored(out), whole.double())


def test_topk_takes_shards_into_interleaved_memory(device: Any) -> None:
    memory = ttnn.L1_MEMORY_CONFIG
    x = values((64, 64))
    rows = sharded(device, x, "HEIGHT", (1, 2), (32, 64))
    assert torch.equal(stored(ttnn.topk(rows, 5, memory_config=memory)[0]), x.topk(5)[0].double())
    first = ttnn.topk(rows, 5, 0, memory_config=memory)[0]
    assert shards_of(first) == (2, (32, 64))
    with pytest.raises(RuntimeError, match="Sharded implementation not supported yet"):
        ttnn.topk(rows, 5)
    with pytest.raises(RuntimeError, match="bad optional access"):
        ttnn.topk(on_device(x, device), 5, 0, memory_config=bare("HEIGHT"))


@pytest.mark.parametrize(
    ("shape", "kind", "grid", "shard", "refusal"),
    [
        ((64, 31), "HEIGHT", (1, 2), (32, 32), None),
        ((33, 31), "HEIGHT", (1, 2), (32, 32), r"Physical shard shape \(17, 64\)"),
        ((64, 20), "BLOCK", (1, 1), (64, 32), "along width 2 must not exceed"),
        ((64, 20), "BLOCK", (2, 1), (64, 32), None),
        ((2, 31, 64), "HEIGHT", (1, 2), (32, 64), "N_slices > 1 not yet supported"),
    ],
)
def test_topk_fills_shards_up(
    device: Any,
    shape: tuple[int, ...],
    kind: str,
    grid: tuple[int, int],
    shard: tuple[int, int],
    refusal: str | None,
) -> None:
    x = sharded(device, values(shape), kind, grid, shard)
    if refusal is None:
        assert not ttnn.topk(x, 3, memory_config=ttnn.L1_MEMORY_CONFIG)[0].is_sharded()
        return
    with pytest.raises(RuntimeError, match=refusal):
        ttnn.topk(x, 3, memory_config=ttnn.L1_MEMORY_CONFIG)


@pytest.mark.parametrize(
    ("shape", "grid", "shard", "expected"),
    [
        ((2, 4, 7, 32), (2, 2), (128, 32), (4, (32, 128))),
        ((1, 4, 32, 32), (2, 2), (64, 32), (4, (32, 64))),
        ((1, 2, 64, 32), (2, 2), (64, 32), (4, (64, 32))),
    ],
)
def test_a_shard_of_heads_becomes_as_wide_as_they_are_together(
    device: Any,
    shape: tuple[int, ...],
    grid: tuple[int, int],
    shard: tuple[int, int],
    expected: tuple[int, tuple[int, int]],
) -> None:
    value = values(shape)
    x = sharded(device, value, "BLOCK", grid, shard)
    out = ttnn.transformer.concatenate_heads(x)
    assert shards_of(out) == expected
    batch, heads, length, size = shape
    merged = value.transpose(1, 2).reshape(batch, length, heads * size)
    assert torch.equal(stored(out), merged.double())


@pytest.mark.parametrize(
    ("shape", "grid", "shard", "error", "refusal"),
    [
        ((1, 1, 32, 64), (2, 1), (32, 32), RuntimeError, r"width \(32\) must equal padded"),
        ((1, 3, 32, 32), (2, 2), (64, 32), RuntimeError, r"height \(3\) must be divisible"),
        ((1, 2, 64, 32), (2, 2), (96, 32), RuntimeError, r"height \(96\) must be divisible"),
        ((1, 2, 64, 32), (1, 4), (32, 32), WouldCrash, "lower than a head"),
    ],
)
def test_a_shard_holds_whole_heads(
    device: Any,
    shape: tuple[int, ...],
    grid: tuple[int, int],
    shard: tuple[int, int],
    error: type[Exception],
    refusal: str,
) -> None:
    x = sharded(device, values(shape), "BLOCK", grid, shard)
    assert ttnn.transformer.concatenate_heads(x, memory_config=ttnn.L1_MEMORY_CONFIG)
    with pytest.raises(error, match=refusal):
        ttnn.transformer.concatenate_heads(x)


def test_a_view_of_shards_is_one_of_the_tiles(device: Any) -> None:
    x = values((2, 32, 32))
    rows = sharded(device, x, "HEIGHT", (1, 2), (32, 32))
    flat = ttnn.view(rows, [64, 32])
    assert flat.memory_config() == rows.memory_config()
    assert torch.equal(stored(flat), x.reshape(64, 32).double())
    with pytest.raises(RuntimeError, match="needs data to move"):
        ttnn.view(rows, [32, 64])


def test_a_rotation_of_no_users_in_shards_is_refused(device: Any) -> None:
    table = on_device(values((1, 1, 1, 32)), device)
    core = ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(0, 0))])
    spec = ttnn.ShardSpec(core, (32, 32), ttnn.ShardOrientation.ROW_MAJOR)
    kind, buffer = ttnn.TensorMemoryLayout.HEIGHT_SHARDED, ttnn.BufferType.L1
    memory = ttnn.MemoryConfig(kind, buffer, spec)
    shape, layout = [1, 0, 1, 32], ttnn.TILE_LAYOUT
    nobody = ttnn.zeros(shape, layout=layout, device=device, memory_config=memory)
    with pytest.raises(RuntimeError, match="Cannot set circular buffer size"):
        ttnn.experimental.rotary_embedding_hf(nobody, table, table)


@pytest.mark.parametrize(
    ("height", "kind", "expected"),
    [(32, "WIDTH", (32, 32)), (64, "HEIGHT", (64, 32))],
)
def test_a_transposed_matrix_has_shards_of_columns_if_they_were_full(
    device: Any, height: int, kind: str, expected: tuple[int, int]
) -> None:
    x = values((32, 20))
    out = ttnn.transpose(sharded(device, x, "HEIGHT", (1, 1), (height, 32)), 0, 1)
    assert out.memory_config().memory_layout is getattr(ttnn.TensorMemoryLayout, f"{kind}_SHARDED")
    assert shards_of(out) == (1, expected)
    assert torch.equal(stored(out), x.t().double())


def test_blocks_on_more_cores_than_they_fill_stay_when_dimensions_change_places(
    device: Any,
) -> None:
    x = values((2, 1, 20, 30))
    blocks = sharded(device, x, "BLOCK", (2, 2), (64, 32))
    out = ttnn.transpose(blocks, 0, 1)
    assert out.memory_config() == blocks.memory_config()
    assert torch.equal(stored(out), x.transpose(0, 1).double())
    with pytest.raises(RuntimeError, match="over more cores than it fills"):
        ttnn.reshape(blocks, [2, 1, 30, 20])


@pytest.mark.parametrize(
    ("kind", "grid", "refusal"),
    [
        ("HEIGHT", (12, 1), None),
        ("HEIGHT", (13, 1), "has no DRAM bank on this device, which has a row of 12"),
        ("WIDTH", (1, 2), "has no DRAM bank"),
        ("BLOCK", (2, 1), "We don't support DRAM block sharding"),
    ],
)
def test_a_shard_in_dram_lies_in_a_bank(
    kind: str, grid: tuple[int, int], refusal: str | None
) -> None:
    # Wormhole's 12 banks, in one row; the grid of its cores is 8 by 8.
    down, across = (1, grid[0] * grid[1]) if kind != "HEIGHT" else (grid[0], 1)
    shards = {"sh": f"{kind}_SHARDED", "g": list(grid), "s": [32, 32], "o": "ROW_MAJOR"}
    x = tensor([32 * down, 32 * across])
    bench = Bench("emulator:wormhole_b0")
    call = Call("to_memory_config", [x, memory_config(shards | {"b": "DRAM"})])
    outcome = bench.run(call)
    bench.close()
    assert outcome.status is (Status.OK if refusal is None else Status.REFUSED)
    assert refusal is None or refusal in outcome.message


@pytest.mark.parametrize(
    ("width", "cores", "crashes"), [(40, 3, True), (40, 2, False), (32, 3, False)]
)
def test_rows_leave_no_shards_of_which_some_have_no_columns(
    width: int, cores: int, crashes: bool
) -> None:
    before = {"sh": "WIDTH_SHARDED", "g": [cores, 1], "s": [64, width], "o": "ROW_MAJOR", "b": "L1"}
    after = before | {"g": [8, 1], "s": [64, 8]}
    call = Call(
        "to_memory_config", [tensor([64, 64], layout="rm", memory=before), memory_config(after)]
    )
    bench = Bench("emulator")
    outcome = bench.run(call)
    bench.close()
    assert (outcome.error == "WouldCrash") is crashes
    assert (outcome.status is Status.OK) is not crashes


@pytest.mark.parametrize("dtype", [ttnn.uint8, ttnn.bfloat4_b])
def test_whole_tiles_are_repeated_in_more_dimensions_too(device: Any, dtype: Any) -> None:
    x = torch.ones(1, 1, 32, 32)
    out = ttnn.repeat(on_device(x, device, dtype=dtype), [2, 2, 2, 2, 1])
    assert (tuple(out.shape), out.dtype) == ((2, 2, 2, 64, 32), dtype)
    assert torch.equal(stored(out).double(), torch.ones(2, 2, 2, 64, 32).double())
    with pytest.raises(RuntimeError):
        ttnn.repeat(on_device(x[..., :31], device, dtype=dtype), [2, 2, 2, 2, 1])


@pytest.mark.parametrize("op", [ttnn.add, ttnn.eq, ttnn.maximum])
def test_two_vectors_in_rows_of_l1_get_no_shards_of_ttnns_choice(device: Any, op: Any) -> None:
    rows, tiles = (on_device(values((40,)), device, layout=x) for x in (ROWS, ttnn.TILE_LAYOUT))
    in_l1 = ttnn.to_memory_config(rows, ttnn.L1_MEMORY_CONFIG)
    with pytest.raises(RuntimeError, match="Rank must be at least 2"):
        op(in_l1, in_l1, memory_config=bare("HEIGHT"))
    for one, other in ((rows, rows), (rows, in_l1), (in_l1, rows), (tiles, tiles)):
        assert op(one, other, memory_config=bare("HEIGHT")).is_sharded()
