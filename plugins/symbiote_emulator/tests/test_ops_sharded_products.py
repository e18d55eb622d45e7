"""Products of sharded operands, of operands in L1, and with biases and grids: what TTNN takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import on_device, sharded, stored, values

from symbiote_emulator import ttnn

GRID = ttnn.CoreGrid(y=4, x=8)


@pytest.mark.parametrize(
    ("kind", "grid", "shard", "refusal"),
    [
        ("HEIGHT", (1, 2), (64, 64), None),
        ("HEIGHT", (1, 4), (32, 64), None),
        ("BLOCK", (2, 2), (64, 32), None),
        ("BLOCK", (2, 4), (64, 32), r"along y \(4\) must match .* size \(2\)"),
        ("BLOCK", (4, 2), (64, 32), r"along x \(4\) must match .* size \(2\)"),
    ],
)
def test_blocks_are_as_many_as_their_cores(
    device: Any, kind: str, grid: tuple[int, int], shard: tuple[int, int], refusal: str | None
) -> None:
    x, weight = values((128, 64)), values((64, 32), 1)
    a, b = sharded(device, x, kind, grid, shard), on_device(weight, device)
    if refusal is None:
        whole = ttnn.linear(on_device(x, device), b)
        assert torch.equal(stored(ttnn.linear(a, b)), stored(whole))
        return
    with pytest.raises(RuntimeError, match=refusal):
        ttnn.linear(a, b)


def test_shards_of_rows_of_a_transposed_operand_are_as_wide_as_it_is_high(device: Any) -> None:
    wide = sharded(device, values((64, 33)), "HEIGHT", (1, 2), (32, 64))
    weight = on_device(values((64, 5)), device)
    assert tuple(ttnn.linear(wide, weight, transpose_a=True).shape) == (33, 5)
    high = sharded(device, values((96, 64)), "HEIGHT", (1, 3), (32, 64))
    with pytest.raises(RuntimeError, match=r"K \(3\) must equal shard_shape\[1\] \(64\)"):
        ttnn.linear(high, on_device(values((96, 5)), device), transpose_a=True)
    several = sharded(device, values((3, 64, 64)), "HEIGHT", (1, 1), (192, 64))
    with pytest.raises(RuntimeError, match="transpose_a with fuse_batch"):
        ttnn.linear(several, weight, transpose_a=True)
    low = sharded(device, values((6, 32, 1)), "HEIGHT", (1, 1), (192, 32))
    flat = ttnn.linear(low, on_device(values((32, 5)), device), transpose_a=True)
    assert tuple(flat.shape) == (6, 1, 5)
    one = sharded(device, values((64, 32)), "HEIGHT", (1, 1), (64, 32))
    with pytest.raises(RuntimeError, match=r"K \(2\) must equal"):
        ttnn.linear(one, weight, transpose_a=True)


@pytest.mark.parametrize("cores", [1, 2])
def test_a_sharded_second_operand_needs_a_batch_and_a_grid(device: Any, cores: int) -> None:
    x, weight = values((2, 32, 64)), values((2, 64, 32), 1)
    b = sharded(device, weight, "HEIGHT", (1, cores), (128 // cores, 32))
    out = ttnn.linear(on_device(x, device), b, core_grid=GRID)
    assert tuple(out.shape) == (2, 32, 32)
    with pytest.raises(RuntimeError, match="Input B memory layout must be INTERLEAVED"):
        ttnn.linear(on_device(x, device), b)
    matrix = sharded(device, values((64, 32)), "HEIGHT", (1, 1), (64, 32))
    with pytest.raises(RuntimeError, match="Input B memory layout must be INTERLEAVED"):
        ttnn.linear(on_device(x, device), matrix, core_grid=GRID)


def test_the_shards_of_a_second_operand_are_dealt_to_all_cores(device: Any) -> None:
    x, weight = on_device(values((3, 32, 64)), device), values((3, 64, 32), 1)
    two = sharded(device, weight, "HEIGHT", (1, 2), (96, 32))
    with pytest.raises(RuntimeError, match=r"num_output_blocks \(3\) .* shard grid \(2\)"):
        ttnn.linear(x, two, core_grid=GRID)
    halves = sharded(device, values((3, 64, 64), 1), "BLOCK", (2, 3), (64, 32))
    with pytest.raises(RuntimeError, match=r"N \(2\) must equal per_core_N \(1\)"):
        ttnn.linear(x, halves, core_grid=GRID)


@pytest.mark.parametrize(("inner", "accepts"), [(32, False), (33, True), (96, False), (128, True)])
def test_a_batch_of_one_broadcasts_in_l1_over_pairs_of_tiles(
    device: Any, inner: int, accepts: bool
) -> None:
    a, weight = on_device(values((1, 5, inner)), device), on_device(values((2, inner, 7)), device)
    b = ttnn.to_memory_config(weight, ttnn.L1_MEMORY_CONFIG)
    if accepts:
        assert tuple(ttnn.matmul(a, b).shape) == (2, 5, 7)
    else:
        with pytest.raises(RuntimeError, match="batch dimension 0 mismatch: a=1 vs b=2"):
            ttnn.matmul(a, b)
    with pytest.raises(RuntimeError, match="batch dimension 0 mismatch"):
        ttnn.matmul(a, weight, core_grid=GRID)


@pytest.mark.parametrize(
    ("bias", "accepts"), [((1, 32), False), ((32,), False), ((64, 32), True), ((1,), True)]
)
def test_an_activation_after_a_bias_that_is_added_apart_is_not_fused(
    device: Any, bias: tuple[int, ...], accepts: bool
) -> None:
    a, b = (on_device(values(shape), device) for shape in ((2, 64, 32), (32, 32)))
    given = {"bias": on_device(values(bias), device), "activation": "exp", "core_grid": GRID}
    if accepts:
        assert tuple(ttnn.linear(a, b, **given).shape) == (2, 64, 32)
        return
    with pytest.raises(RuntimeError, match="Unsupported UnaryOpType for fused activation"):
        ttnn.linear(a, b, **given)


def test_a_fused_activation_takes_any_output_dtype(device: Any) -> None:
    a, b = (on_device(values((32, 32), seed), device) for seed in (0, 1))
    given = {"activation": "sigmoid", "dtype": ttnn.int32}
    assert ttnn.matmul(a, b, core_grid=GRID, **given).dtype is ttnn.int32
    with pytest.raises(RuntimeError, match="SIGMOID does not support integer input dtype"):
        ttnn.matmul(a, b, **given)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((1, 1, 0), (2, 0, 1), (2, 1, 1)),
        ((0, 1, 1), (2, 1, 1), (0, 1, 1)),
        ((1, 0, 2), (3, 2, 2), (3, 0, 2)),
        ((0, 2), (2,), (0,)),
    ],
)
def test_a_batch_broadcasts_with_a_product_of_nothing(
    device: Any, a: tuple[int, ...], b: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    left, right = on_device(torch.zeros(a), device), on_device(torch.zeros(b), device)
    for given in ({}, {"core_grid": GRID}, {"memory_config": ttnn.L1_MEMORY_CONFIG}):
        assert tuple(ttnn.matmul(left, right, **given).shape) == expected


def test_a_product_of_nothing_asks_for_a_dtype_of_its_bias_alone(device: Any) -> None:
    a, b = on_device(torch.zeros(2, 0), device), on_device(torch.zeros(0, 3), device)
    given = {"dtype": ttnn.uint16, "activation": "gelu"}
    assert ttnn.matmul(a, b, **given).dtype is ttnn.uint16
    with pytest.raises(RuntimeError, match="Mixed dtype is not supported"):
        ttnn.linear(a, b, bias=on_device(values((1, 3)), device), **given)


def test_an_operand_without_elements_needs_no_program(device: Any) -> None:
    a, b = on_device(values((2, 2, 33)), device), on_device(torch.zeros(0, 1), device)
    out = ttnn.linear(a, b, transpose_a=True, core_grid=GRID, activation="exp")
    assert torch.equal(stored(out), torch.ones(2, 33, 1).double())


@pytest.mark.parametrize(
    ("a", "b", "bias", "expected"),
    [
        ((2,), (2, 5), (1, 5), (1, 5)),
        ((2,), (2, 5), (2, 5), None),
        ((2,), (2, 5), (2, 1, 5), (2, 1, 5)),
        ((5, 2), (2,), (2, 1), None),
        ((5, 2), (2,), (5, 5), (5, 5)),
    ],
)
def test_a_fused_bias_has_no_more_rows_than_a_vector(
    device: Any,
    a: tuple[int, ...],
    b: tuple[int, ...],
    bias: tuple[int, ...],
    expected: tuple[int, ...] | None,
) -> None:
    left, right, added = (on_device(values(shape), device) for shape in (a, b, bias))
    if expected is not None:
        assert tuple(ttnn.linear(left, right, bias=added).shape) == expected
        return
    with pytest.raises(RuntimeError, match="reshape between two shapes with different volumes"):
        ttnn.linear(left, right, bias=added)


def test_a_bias_has_a_batch(device: Any) -> None:
    a, b = on_device(values((2, 2)), device), on_device(values((2, 5)), device)
    with pytest.raises(RuntimeError, match="batch size must be 1, got 0"):
        ttnn.linear(a, b, bias=on_device(torch.zeros(0, 1, 5), device))
