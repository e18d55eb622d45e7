"""Shape, layout, dtype and memory of results, where TTNN has a rule of its own for them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from emulator_golden import on_device, stored, values

from symbiote_conformance import Bench, Call, Status
from symbiote_conformance.strategies.describe import tensor
from symbiote_emulator import ttnn

TILE, RM = ttnn.TILE_LAYOUT, ttnn.ROW_MAJOR_LAYOUT
L1 = ttnn.L1_MEMORY_CONFIG


def in_l1(tensor: torch.Tensor, device: Any) -> Any:
    return ttnn.to_memory_config(on_device(tensor, device), L1)


@pytest.mark.parametrize(
    ("ids", "shape"),
    [((4,), (4, 64)), ((2, 4), (2, 4, 64)), ((2, 3, 4), (2, 4, 64)), ((1, 1, 3, 4), (1, 4, 64))],
)
@pytest.mark.parametrize("layout", [TILE, RM])
def test_embedding_keeps_two_dimensions_and_the_tables_layout(
    device: Any, ids: tuple[int, ...], shape: tuple[int, ...], layout: Any
) -> None:
    numbers = on_device(torch.zeros(ids), device, ttnn.uint32, RM)
    out = ttnn.embedding(numbers, on_device(values((9, 64)), device, layout=layout))
    assert (tuple(out.shape), out.layout, out.dtype) == (shape, layout, ttnn.bfloat16)


def test_embedding_into_an_output_of_another_shape(device: Any) -> None:
    table = values((9, 64))
    numbers = torch.tensor([[1, 2], [3, 8]])
    output = on_device(torch.zeros(4, 64), device)
    out = ttnn.embedding(
        on_device(numbers, device, ttnn.uint32, RM),
        on_device(table, device, layout=RM),
        output_tensor=output,
    )
    assert (tuple(out.shape), out.layout) == ((2, 2, 64), RM)
    assert torch.equal(stored(out), table[numbers].double())
    assert torch.equal(stored(output), table[numbers].reshape(4, 64).double())


def test_where_takes_the_memory_of_its_only_tensor(device: Any) -> None:
    x, y = values((4, 8)), values((4, 8), 1)
    mask, other = in_l1(x, device), on_device(y, device)
    out = ttnn.where(mask, other, 0.5)
    assert out.memory_config() == ttnn.DRAM_MEMORY_CONFIG
    assert torch.equal(stored(out), torch.where(x != 0, y, 0.5).double())
    assert ttnn.where(mask, other, other).memory_config() == L1
    whole = ttnn.where(on_device(x, device, ttnn.int32), 1.0, 0.0)
    assert whole.dtype is ttnn.float32


@pytest.mark.parametrize(
    ("kind", "layout", "cores", "shard"),
    [
        ("HEIGHT", TILE, 12, [32, 96]),
        ("WIDTH", TILE, 3, [384, 32]),
        ("BLOCK", TILE, 18, [64, 32]),
        ("HEIGHT", RM, 50, [4, 70]),
        ("BLOCK", RM, 64, [25, 9]),
    ],
)
def test_shards_that_elementwise_operations_choose(
    device: Any, kind: str, layout: Any, cores: int, shard: list[int]
) -> None:
    asked = getattr(ttnn, f"L1_{kind}_SHARDED_MEMORY_CONFIG")
    x = values((2, 3, 33, 70))
    t = on_device(x, device, layout=layout)
    for out in (ttnn.relu(t, memory_config=asked), ttnn.add(t, t, memory_config=asked)):
        spec = out.memory_config().shard_spec
        assert (spec.num_cores(), list(spec.shape)) == (cores, shard)
    assert torch.equal(stored(ttnn.relu(t, memory_config=asked)), x.relu().double())


def test_a_sharded_operand_gives_its_shards_to_the_result(device: Any) -> None:
    x = values((64, 64))
    dram = on_device(x, device)
    sharded = ttnn.relu(dram, memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG)
    assert ttnn.add(dram, sharded).memory_config() == sharded.memory_config()
    assert ttnn.add(in_l1(x, device), sharded).memory_config() == L1
    rows = on_device(values((2, 1, 64, 64)), device)
    assert list(ttnn.add(sharded, rows).memory_config().shard_spec.shape) == [64, 64]


@pytest.mark.parametrize(
    ("a", "b", "shape"),
    [
        ((80, 64), (1, 64, 16), (1, 80, 16)),
        ((2, 80, 64), (1, 1, 64, 16), (1, 2, 80, 16)),
        ((64,), (1, 64, 16), (1, 16)),
        ((3, 2, 80, 64), (1, 64, 16), (3, 2, 80, 16)),
        ((1, 80, 64), (2, 64, 16), (2, 80, 16)),
    ],
)
def test_ranks_of_products(
    device: Any, a: tuple[int, ...], b: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    x, w = values(a), values(b, 1)
    out = ttnn.matmul(on_device(x, device), on_device(w, device))
    assert tuple(out.shape) == shape
    expected = (x.double() @ w.double()).reshape(shape)
    assert (stored(out) - expected).abs().max() < 2.0**-6 * expected.abs().max()


def test_a_bias_beside_a_product_with_a_vector(device: Any) -> None:
    x, w, b = values((3, 5, 8)), values((8,), 1), values((3, 5), 2)
    out = ttnn.linear(on_device(x, device), on_device(w, device), bias=on_device(b, device))
    expected = x.double() @ w.double() + b.double()
    assert tuple(out.shape) == (3, 5)
    assert (stored(out) - expected).abs().max() < 2.0**-5 * expected.abs().max()


@pytest.mark.parametrize(
    ("first", "second", "shape", "axis", "layout"),
    [
        (TILE, RM, (1, 33, 64), 0, RM),
        (RM, TILE, (1, 33, 64), 2, RM),
        (TILE, RM, (1, 32, 64), 1, TILE),
        (RM, TILE, (1, 32, 64), 1, RM),
    ],
)
def test_concat_of_two_layouts(
    device: Any, first: Any, second: Any, shape: tuple[int, ...], axis: int, layout: Any
) -> None:
    x, y = values(shape), values(shape, 1)
    pair = [on_device(x, device, layout=first), on_device(y, device, layout=second)]
    out = ttnn.concat(pair, axis)
    assert out.layout is layout
    assert torch.equal(stored(out), torch.cat([x, y], axis).double())


def test_block_floats_that_tiles_do_not_end_with(device: Any) -> None:
    x = on_device(values((33, 64)), device, ttnn.bfloat8_b)
    assert ttnn.concat([x, x], 0).dtype is ttnn.bfloat16
    assert ttnn.concat([x, x], 1).dtype is ttnn.bfloat8_b
    assert x[:5].dtype is ttnn.bfloat8_b
    assert x[1:].dtype is ttnn.bfloat16


def test_pads(device: Any) -> None:
    x = values((30, 64))
    tiles = on_device(x, device)
    # Within its tiles, the tensor stays where it is.
    assert ttnn.pad(tiles, [(0, 2), (0, 0)], 0.0, memory_config=L1).memory_config() != L1
    wider = ttnn.pad(tiles, [(0, 2), (0, 1)], 3.0, memory_config=L1)
    assert wider.memory_config() == L1
    assert torch.equal(stored(wider), torch.nn.functional.pad(x, (0, 1, 0, 2), value=3.0).double())
    rows = on_device(x.reshape(1, 1, 30, 64), device, layout=RM)
    shifted = ttnn.pad(
        rows, output_padded_shape=[1, 1, 32, 64], input_tensor_start=[0, 0, 1, 0], value=1.0
    )
    assert tuple(shifted.shape) == (1, 1, 32, 64)
    assert torch.equal(stored(shifted)[0, 0, 1:31], x.double())
    assert stored(shifted)[0, 0, 0].unique().tolist() == [1.0]


def test_host_tensors_can_be_indexed(device: Any) -> None:
    x = values((2, 5, 8))
    host = ttnn.from_torch(x, layout=TILE, dtype=ttnn.bfloat16)
    part = host[1, 2:4]
    assert part.storage_type() is ttnn.StorageType.HOST
    assert torch.equal(stored(part), x[1, 2:4].double())
    assert tuple(host[True].shape) == (5, 8)  # True is 1, as in Python


def test_block_floats_of_host_rows_are_tiles() -> None:
    host = ttnn.from_torch(values((32, 64)), dtype=ttnn.bfloat16, layout=RM)
    assert ttnn.typecast(host, ttnn.bfloat8_b).layout is TILE
    assert ttnn.typecast(host, ttnn.float32).layout is RM
    small = ttnn.from_torch(values((3, 4)), dtype=ttnn.bfloat16, layout=RM)
    with pytest.raises(RuntimeError, match="implicitly changed physical shape"):
        ttnn.typecast(small, ttnn.bfloat8_b)


def test_what_stays_the_same(device: Any) -> None:
    row = on_device(values((7,)), device, layout=RM)
    assert torch.equal(stored(ttnn.transpose(row, 0, -1)), stored(row))
    host = ttnn.from_torch(values((3, 4)), dtype=ttnn.bfloat16)
    assert ttnn.transpose(host, 1, 1) is host
    assert ttnn.slice(host, [0, 0], [3, 4]) is host


def test_reductions_over_no_dimension_are_over_all(device: Any) -> None:
    x = values((2, 3, 4))
    assert tuple(ttnn.sum(on_device(x, device), dim=[]).shape) == ()
    assert stored(ttnn.max(on_device(x, device), dim=[])).item() == x.max().item()


def test_only_the_first_row_of_a_higher_weight_counts(device: Any) -> None:
    x, w = values((4, 64)), values((3, 1, 64), 1)
    got = ttnn.rms_norm(on_device(x, device), weight=on_device(w, device))
    first = ttnn.rms_norm(on_device(x, device), weight=on_device(w[0], device))
    assert torch.equal(stored(got), stored(first))


def test_clamp_between_tensors_gives_tiles_where_an_operand_has_some(device: Any) -> None:
    x, low = values((4, 8)), values((4, 8), 1)
    rows = on_device(x, device, layout=RM)
    out = ttnn.clamp(rows, on_device(low, device), None)
    assert (out.layout, out.memory_config()) == (TILE, ttnn.DRAM_MEMORY_CONFIG)
    assert torch.equal(stored(out), torch.maximum(x, low).double())
    with pytest.raises(RuntimeError, match="Ternary operation requires tensors to be in Tile"):
        ttnn.clamp(rows, on_device(low, device, layout=RM), None)


def test_clamp_takes_one_limit_of_the_other_small_integers(device: Any) -> None:
    x = on_device(torch.tensor([[1, 200, 255]]), device, ttnn.uint8)
    limit = on_device(torch.tensor([[3, 100, 255]]), device, ttnn.uint16)
    low, high = ttnn.clamp(x, limit, None), ttnn.clamp(x, None, limit)
    assert (low.dtype, high.dtype) == (ttnn.uint8, ttnn.uint8)
    assert (stored(low).tolist(), stored(high).tolist()) == ([[3, 200, 255]], [[1, 100, 255]])
    with pytest.raises(RuntimeError, match="Mixed dtype is not supported"):
        ttnn.clamp(x, limit, limit)


def test_clamp_takes_truth_values_for_floats(device: Any) -> None:
    x = on_device(torch.tensor([[-3, 0, 3]]), device, ttnn.int32)
    out = ttnn.clamp(x, False, True)
    assert out.dtype is ttnn.float32
    assert stored(out).tolist() == [[0.0, 0.0, 1.0]]
    with pytest.raises(RuntimeError, match="wrong index for variant"):
        ttnn.clamp(x, 0, True)


def test_concat_of_bfloat8_b_behind_bfloat16(device: Any) -> None:
    def vectors(*shape: int) -> tuple[Any, Any]:
        x = torch.ones(shape)
        return on_device(x, device), on_device(x, device, ttnn.bfloat8_b)

    a, b = vectors(32)
    assert ttnn.concat([a, b]).dtype is ttnn.bfloat16
    assert ttnn.concat([b, b]).dtype is ttnn.bfloat16
    a, b = vectors(3, 5)
    assert ttnn.concat([b, a], dim=-1).dtype is ttnn.bfloat16
    assert ttnn.concat([a, b], dim=0).dtype is ttnn.bfloat16
    with pytest.raises(RuntimeError, match="All Tensors should have same dtypes"):
        ttnn.concat([a, b], dim=-1)


def test_argmax_without_elements_keeps_the_layout(device: Any) -> None:
    x = on_device(torch.zeros(2, 0, 5), device, ttnn.bfloat8_b)
    out = ttnn.argmax(x, dim=-1)
    assert (tuple(out.shape), out.dtype, out.layout) == ((2, 0), ttnn.uint32, TILE)
    with pytest.raises(RuntimeError, match="Expected reduction dim 1 to have non-zero size"):
        ttnn.argmax(x, dim=1)


def test_what_is_made_on_the_host_takes_no_memory_config(device: Any) -> None:
    asked = ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG
    assert ttnn.ones([2, 3], memory_config=asked).memory_config() == ttnn.DRAM_MEMORY_CONFIG
    with pytest.raises(RuntimeError, match="bad optional access"):
        ttnn.ones([2, 3], device=device, memory_config=asked)
    assert ttnn.ones([2, 3], layout=ttnn.Layout.INVALID).layout is TILE


def test_a_freed_tensor_of_whole_tiles_passes_a_reshape_to_its_own_shape(device: Any) -> None:
    x, odd = on_device(torch.ones(32, 64), device), on_device(torch.ones(3, 5), device)
    ttnn.deallocate(x)
    ttnn.deallocate(odd)
    assert not ttnn.reshape(x, [-1, 64]).is_allocated()
    assert not ttnn.pad(x, [(0, 0)], 0.0).is_allocated()
    with pytest.raises(RuntimeError, match="Tensor is not allocated"):
        ttnn.reshape(odd, [3, 5])


def test_scalars_pass_what_has_no_dimension_to_look_at(device: Any) -> None:
    x, rows = on_device(torch.tensor(2.0), device), on_device(torch.tensor(2.0), device, layout=RM)
    assert ttnn.slice(x, [47], [48]) is x
    assert tuple(ttnn.squeeze(x, -1).shape) == ()
    assert stored(ttnn.repeat_interleave(x, 1, 5)).item() == 2.0
    for given in (x, rows):
        where = ttnn.argmax(given, dim=0)
        assert (tuple(where.shape), where.dtype, where.layout) == ((), ttnn.uint32, given.layout)
        best, index = ttnn.topk(given, 1)
        assert (stored(best).item(), index.dtype, index.layout) == (2.0, ttnn.uint16, given.layout)


@pytest.mark.parametrize("dtype", [ttnn.uint8, ttnn.uint16])
def test_bytes_and_shorts_in_another_shape_that_moves_nothing(device: Any, dtype: Any) -> None:
    x = on_device(torch.tensor([[7]]), device, dtype)
    assert stored(ttnn.reshape(x, [])).item() == 7
    assert stored(x[0, 0]).item() == 7
    assert tuple(ttnn.reshape(ttnn.reshape(x, []), [1, 1]).shape) == (1, 1)
    rows = on_device(torch.ones(2, 3), device, dtype, RM)
    assert ttnn.reshape(rows, [2, 3], memory_config=L1).memory_config() == L1
    with pytest.raises(RuntimeError, match="Can only work with bfloat16/float32"):
        ttnn.reshape(rows, [3, 2])


def test_bytes_can_be_repeated_to_whole_tiles(device: Any) -> None:
    x = torch.arange(16 * 48).reshape(16, 48) % 256
    out = ttnn.repeat(on_device(x, device, ttnn.uint8), [2, 2])
    assert torch.equal(stored(out), x.repeat(2, 2).double())
    with pytest.raises(RuntimeError, match="Can only tilize"):
        ttnn.repeat(on_device(x, device, ttnn.uint8), [3, 2])


def test_results_without_elements(device: Any) -> None:
    x = on_device(torch.zeros(2, 0, 192), device)
    split = ttnn.transformer.split_query_key_value_and_split_heads
    shapes = [tuple(t.shape) for t in split(x, num_heads=2, num_kv_heads=2)]
    assert shapes == [(2, 2, 0, 32), (2, 2, 32, 0), (2, 2, 0, 32)]
    heads = on_device(torch.zeros(0, 2, 3, 32), device)
    assert tuple(ttnn.transformer.concatenate_heads(heads).shape) == (0, 3, 64)
    values, indices = ttnn.topk(on_device(torch.zeros(0, 40), device, ttnn.int32, RM), 5)
    assert tuple(values.shape) == tuple(indices.shape) == (0, 5)
    assert (values.dtype, indices.dtype, indices.layout) == (ttnn.int32, ttnn.int32, RM)


def test_what_is_like_a_freed_tensor_of_integers_or_rows_is_on_the_host(device: Any) -> None:
    whole, rows = on_device(torch.ones(3), device, ttnn.int32), on_device(torch.ones(3), device)
    like = (ttnn.zeros_like, ttnn.ones_like)
    ttnn.deallocate(whole)
    ttnn.deallocate(rows)
    for make in like:
        assert make(whole).storage_type() is ttnn.StorageType.HOST
        assert make(rows, layout=RM).storage_type() is ttnn.StorageType.HOST
        with pytest.raises(RuntimeError, match="The tensor was deallocated"):
            make(rows)


def test_a_range_on_the_host_takes_no_memory_config(device: Any) -> None:
    asked = ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG
    assert ttnn.arange(3, memory_config=asked).to_list() == [0.0, 1.0, 2.0]
    with pytest.raises(RuntimeError, match="bad optional access"):
        ttnn.arange(3, memory_config=asked, device=device)


def test_a_sharded_tensor_in_another_shape(device: Any) -> None:
    x = values((32, 64))
    sharded = ttnn.relu(on_device(x, device), memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG)
    assert ttnn.unsqueeze(sharded, 0).memory_config() == sharded.memory_config()
    with pytest.raises(RuntimeError, match="rows or columns in memory change in number"):
        ttnn.reshape(sharded, [2, 32, 32])
    moved = ttnn.reshape(sharded, [2, 32, 32], memory_config=L1)
    assert torch.equal(stored(moved), x.relu().reshape(2, 32, 32).double())


@pytest.mark.parametrize(("arch", "accepts"), [("wormhole_b0", True), ("blackhole", False)])
def test_vectors_of_whole_bfloat8_b_tiles_in_dram(arch: str, accepts: bool) -> None:
    bench = Bench(f"emulator:{arch}")
    whole, cut = tensor([32], "bfloat8_b"), tensor([31], "bfloat8_b")
    in_l1 = tensor([32], "bfloat8_b", memory="l1")
    assert (bench.run(Call("concat", [[whole, whole]])).status is Status.OK) is accepts
    assert bench.run(Call("concat", [[whole, cut]])).status is Status.OK
    assert bench.run(Call("concat", [[in_l1, in_l1]])).status is Status.OK
    bench.close()


@pytest.mark.parametrize(
    ("dtype", "dim", "scalar", "layout"),
    [
        (ttnn.float32, [0, 1], 1.0, RM),
        (ttnn.float32, [1, 2], 1.0, TILE),
        (ttnn.bfloat16, [0], 1.0, TILE),
        (ttnn.bfloat16, [0], 2.0, RM),
        (ttnn.int32, [2], 1.0, TILE),
    ],
)
def test_the_layout_of_sums_of_rows(
    device: Any, dtype: Any, dim: list[int], scalar: float, layout: Any
) -> None:
    x = torch.ones(2, 3, 4)
    out = ttnn.sum(on_device(x, device, dtype, RM), dim, scalar=scalar)
    assert out.layout is layout
    assert torch.equal(stored(out), x.sum(dim).double() * scalar)


@pytest.mark.parametrize("layout", [TILE, RM])
def test_reductions_of_a_scalar_keep_dtype_and_layout(device: Any, layout: Any) -> None:
    x = on_device(torch.tensor(3), device, ttnn.uint16, layout)
    for reduce in (ttnn.sum, ttnn.mean, ttnn.max):
        out = reduce(x, -1)
        assert (out.layout, out.dtype, stored(out).item()) == (layout, ttnn.uint16, 3)
    assert stored(ttnn.softmax(on_device(torch.tensor(3.0), device, layout=layout), -1)) == 1


def test_norms_of_nothing_look_at_nothing_else(device: Any) -> None:
    x = on_device(torch.ones(2, 0, 32), device)
    odd = on_device(torch.ones(5), device, ttnn.uint32, RM)
    for norm in (ttnn.layer_norm, ttnn.rms_norm):
        assert tuple(norm(x, weight=odd, residual_input_tensor=odd).shape) == (2, 0, 32)


@pytest.mark.parametrize(("ta", "tb"), [(True, False), (False, True), (True, True)])
def test_vectors_that_are_transposed_are_columns_and_rows(device: Any, ta: bool, tb: bool) -> None:
    x, one = on_device(torch.ones(2), device), on_device(torch.ones(1), device)
    with pytest.raises(RuntimeError, match=r"must be equal|different volumes"):
        ttnn.matmul(x, x, transpose_a=ta, transpose_b=tb)
    assert stored(ttnn.matmul(one, one, transpose_a=ta, transpose_b=tb)).tolist() == 1


def test_where_takes_shards_of_a_later_operand(device: Any) -> None:
    core = ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(0, 0))])
    memory = ttnn.MemoryConfig(
        ttnn.TensorMemoryLayout.HEIGHT_SHARDED,
        ttnn.BufferType.L1,
        ttnn.ShardSpec(core, (32, 32), ttnn.ShardOrientation.ROW_MAJOR),
    )
    x = in_l1(torch.ones(1, 32), device)
    sharded = ttnn.to_memory_config(x, memory)
    assert ttnn.where(x, x, sharded).memory_config() == memory
    assert ttnn.add(x, sharded).memory_config() == L1


def test_gelu_takes_no_none(device: Any) -> None:
    with pytest.raises(TypeError, match="incompatible function arguments"):
        ttnn.gelu(on_device(torch.ones(1, 32), device), fast_and_approximate_mode=None)


def test_a_negative_start_makes_bfloat16_of_a_vector_of_blocks(device: Any) -> None:
    x = on_device(torch.ones(128), device, ttnn.bfloat8_b)
    assert x[:].dtype is x[0:128].dtype is ttnn.bfloat8_b
    assert x[-128:].dtype is ttnn.bfloat16
    with pytest.raises(RuntimeError, match="Only TILE layout is supported"):
        on_device(torch.ones(128), device, ttnn.bfloat4_b)[-128:]


def test_a_list_indexes_as_a_tuple_does(device: Any) -> None:
    x = on_device(values((2, 3, 4)), device)
    assert torch.equal(stored(x[[1, 2]]), stored(x[1, 2]))


def test_products_of_nothing_keep_the_batch_of_the_first_operand(device: Any) -> None:
    empty, full = on_device(torch.ones(0, 2, 3), device), on_device(torch.ones(2, 3, 4), device)
    assert tuple(ttnn.matmul(empty, full).shape) == (0, 2, 4)
    with pytest.raises(RuntimeError, match="batch dimension 0 mismatch"):
        ttnn.matmul(on_device(torch.ones(3, 2, 3), device), full)


def test_a_vector_beside_l1_is_not_transposed(device: Any) -> None:
    x, w = values((3, 2)), values((2,), 1)
    rows = ttnn.to_memory_config(on_device(x, device), ttnn.L1_MEMORY_CONFIG)
    out = ttnn.linear(rows, on_device(w, device), transpose_b=True)
    assert torch.allclose(stored(out), (x.double() @ w.double()), rtol=0.01, atol=0.01)
    with pytest.raises(RuntimeError, match="width of the first tensor must be equal"):
        ttnn.linear(on_device(x, device), on_device(w, device), transpose_b=True)


def test_a_batch_of_transposed_matrices_goes_with_a_grid_only_beside_another(device: Any) -> None:
    x, grid = on_device(values((2, 3, 64)), device), ttnn.CoreGrid(x=2, y=2)
    batched = on_device(values((2, 3, 5)), device)
    out = ttnn.linear(x, batched, transpose_a=True, core_grid=grid)
    assert tuple(out.shape) == (2, 64, 5)
    with pytest.raises(RuntimeError, match="transpose_a with fuse_batch is not supported"):
        ttnn.linear(x, on_device(values((3, 5)), device), transpose_a=True, core_grid=grid)


def test_a_first_power_is_copied_to_the_memory_of_the_output(device: Any) -> None:
    x, out = on_device(values((2, 2)), device), on_device(values((2, 2)), device)
    assert ttnn.pow(x, 1, output_tensor=out) is out
    assert ttnn.pow(x, 2, memory_config=ttnn.L1_MEMORY_CONFIG, output_tensor=out) is out
    with pytest.raises(RuntimeError, match="Mismatched output memory config"):
        ttnn.pow(x, 1, memory_config=ttnn.L1_MEMORY_CONFIG, output_tensor=out)


def test_what_is_freed_or_stays_passes_where_ttnn_does_not_look(device: Any) -> None:
    freed = on_device(torch.ones(2, 3), device)
    ttnn.deallocate(freed)
    assert not ttnn.to_device(freed, device).is_allocated()
    host = ttnn.from_torch(torch.ones(2, 3), dtype=ttnn.bfloat16, layout=TILE)
    assert ttnn.transpose(host, 1, 1, memory_config=ttnn.DRAM_MEMORY_CONFIG) is host
    with pytest.raises(RuntimeError, match="crashes the process"):
        ttnn.transpose(host, 1, 1, memory_config=ttnn.L1_MEMORY_CONFIG)


def test_parts_of_a_host_tensor_would_crash(device: Any) -> None:
    host = ttnn.from_torch(torch.ones(4, 2), dtype=ttnn.bfloat16, layout=TILE)
    with pytest.raises(RuntimeError, match="crashes the process"):
        ttnn.split(host, 4, 0)
    assert len(ttnn.chunk(host, 1, 0)) == 1


def test_no_layout_is_refused(device: Any) -> None:
    ids = on_device(torch.zeros(1, 4, dtype=torch.int32), device, ttnn.uint32, layout=RM)
    with pytest.raises(RuntimeError, match="Layout::INVALID"):
        ttnn.embedding(ids, on_device(torch.ones(8, 4), device, layout=RM), layout=2)


def sharded(device: Any, tensor: torch.Tensor, cores: int, shape: list[int]) -> Any:
    """Tiles in L1, a shard of this shape on each of so many cores."""
    grid = ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(0, cores - 1))])
    spec = ttnn.ShardSpec(grid, shape, ttnn.ShardOrientation.ROW_MAJOR)
    kind, buffer = ttnn.TensorMemoryLayout.HEIGHT_SHARDED, ttnn.BufferType.L1
    return ttnn.to_memory_config(on_device(tensor, device), ttnn.MemoryConfig(kind, buffer, spec))


def test_rows_of_sharded_tiles_lose_their_padding(device: Any) -> None:
    rows = ttnn.to_layout(sharded(device, values((64, 80)), 2, [32, 96]), RM)
    assert list(rows.memory_config().shard_spec.shape) == [32, 80]


def test_a_batch_of_sharded_matrices_needs_as_many_cores_as_shards(device: Any) -> None:
    batched = on_device(values((2, 32, 64)), device)
    assert ttnn.linear(sharded(device, values((2, 32, 32)), 2, [32, 32]), batched) is not None
    with pytest.raises(RuntimeError, match=r"num_output_blocks \(2\) must be evenly divisible"):
        ttnn.linear(sharded(device, values((2, 32, 32)), 4, [32, 32]), batched)


def test_sharded_tiles_that_keep_their_matrix_are_a_view(device: Any) -> None:
    x = sharded(device, values((1, 32, 32)), 1, [32, 32])
    ttnn.deallocate(ttnn.squeeze(x))
    assert not x.is_allocated()
    with pytest.raises(RuntimeError, match="rows or columns in memory change in number"):
        ttnn.reshape(sharded(device, values((32, 1)), 1, [32, 32]), [32])


def test_the_host_makes_no_sharded_tiles_of_a_range(device: Any) -> None:
    asked = ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG
    assert ttnn.arange(0, 8, memory_config=asked).layout is RM
    with pytest.raises(RuntimeError, match="bad optional access"):
        ttnn.arange(0, 8, layout=TILE, memory_config=asked)
