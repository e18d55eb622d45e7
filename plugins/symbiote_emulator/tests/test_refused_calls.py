"""Calls that TTNN refuses for a rule of one operation, in its words and with advice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulator_golden import on_device

from symbiote_emulator import ttnn
from symbiote_emulator.errors import (
    ArgumentMismatch,
    OperationRefused,
    OutOfMemoryError,
    WouldCrash,
    WrongInTTNN,
)

RM = ttnn.ROW_MAJOR_LAYOUT
L1 = ttnn.L1_MEMORY_CONFIG
attend = ttnn.transformer.scaled_dot_product_attention
split_heads = ttnn.transformer.split_query_key_value_and_split_heads


class Make:
    """Zeros of a shape on one device."""

    def __init__(self, device: Any) -> None:
        self.device = device

    def __call__(
        self,
        *shape: int,
        dtype: Any = ttnn.bfloat16,
        layout: Any = ttnn.TILE_LAYOUT,
        memory: Any = None,
        host: bool = False,
    ) -> Any:
        place = {} if host else {"device": self.device, "memory_config": memory}
        return ttnn.from_torch(torch.zeros(shape), dtype=dtype, layout=layout, **place)

    def ids(self, *shape: int) -> Any:
        return self(*shape, dtype=ttnn.uint32, layout=RM)

    def sharded(self, kind: str, cores: int, *shard: int) -> Any:
        """A matrix of one shard a core, in a row of cores."""
        end = ttnn.CoreCoord(cores - 1, 0)
        grid = ttnn.CoreRangeSet([ttnn.CoreRange(ttnn.CoreCoord(0, 0), end)])
        spec = ttnn.ShardSpec(grid, list(shard), ttnn.ShardOrientation.ROW_MAJOR)
        layout = getattr(ttnn.TensorMemoryLayout, kind)
        memory = ttnn.MemoryConfig(layout, ttnn.BufferType.L1, spec)
        rows, columns = shard
        down = cores if kind == "HEIGHT_SHARDED" else 1
        return self(rows * down, columns * cores // down, memory=memory)

    def in_dram(self, kind: str) -> Any:
        """A memory of shards in DRAM, left to TTNN."""
        return ttnn.MemoryConfig(getattr(ttnn.TensorMemoryLayout, kind), ttnn.BufferType.DRAM)


@pytest.fixture
def make(device: Any) -> Make:
    return Make(device)


Call = Callable[[Make], Any]
REFUSED: list[tuple[str, Call, str, str]] = [
    (
        "where, a predicate in rows",
        lambda t: ttnn.where(t(4, 8, layout=RM), t(4, 8), t(4, 8)),
        "Ternary operation requires tensor to be in Tile layout",
        "ttnn.to_layout",
    ),
    (
        "where, a number that the dtype can't hold",
        lambda t: ttnn.where(t(4, 8, dtype=ttnn.uint32), t(4, 8, dtype=ttnn.uint32), -1),
        "ttnn.where with a DataType::UINT32 tensor cannot represent the scalar -1",
        "ttnn.typecast",
    ),
    (
        "where, one tensor of another dtype than the predicate",
        lambda t: ttnn.where(t(4, 8, dtype=ttnn.float32), t(4, 8), 0.0),
        "Mixed dtype is not supported for binary operation BinaryOpType::WHERE_TTS",
        "ttnn.typecast",
    ),
    (
        "where, shapes",
        lambda t: ttnn.where(t(4, 8), t(3, 8), t(4, 8)),
        "ttnn.where: shapes Shape([4, 8]), Shape([3, 8]) and Shape([4, 8]) do not broadcast",
        "or 1",
    ),
    (
        "eq, a float that an integer can't be",
        lambda t: ttnn.eq(t(4, 8, dtype=ttnn.int32), 1.5),
        "cannot represent the scalar 1.5",
        "ttnn.typecast",
    ),
    (
        "divide, integers into another dtype",
        lambda t: ttnn.divide(t(4, dtype=ttnn.int32), t(4, dtype=ttnn.int32), dtype=ttnn.uint16),
        "Incorrect output_dtype value for Integer Division",
        "Leave dtype out",
    ),
    (
        "divide, integers fast",
        lambda t: ttnn.divide(t(4, dtype=ttnn.int32), 2, fast_and_approximate_mode=True),
        "Integer Division does not support fast_and_approximate_mode=true",
        "Leave it out",
    ),
    (
        "bytes that tiles would have to be padded for",
        lambda t: ttnn.to_layout(t(4, 8, dtype=ttnn.uint8, layout=RM), ttnn.TILE_LAYOUT),
        "Can only tilize bfloat16/float32 or int32/uint32/uint16 or fp8_e4m3 tensors",
        "whole tiles",
    ),
    (
        "slice of bytes within a tile",
        lambda t: t(64, 64, dtype=ttnn.uint8)[:, 3:9],
        "Can only tilize bfloat16/float32 or int32/uint32/uint16 or fp8_e4m3 tensors",
        "multiple of 32",
    ),
    (
        "neg of unsigned integers",
        lambda t: ttnn.neg(t(4, 8, dtype=ttnn.uint32)),
        "Unary: UnaryOpType::NEG does not support integer input dtype DataType::UINT32",
        "ttnn.typecast",
    ),
    (
        "pow of integers in rows",
        lambda t: ttnn.pow(t(4, 8, dtype=ttnn.int32, layout=RM), 2),
        "pow_int: input must be in TILE layout",
        "ttnn.to_layout",
    ),
    (
        "sigmoid, vector mode",
        lambda t: ttnn.sigmoid(t(4, 8), vector_mode=1),
        "Invalid Vector mode value",
        "Leave vector_mode out",
    ),
    (
        "a unary output of another dtype",
        lambda t: ttnn.relu(t(4, 8), output_tensor=t(4, 8, dtype=ttnn.bfloat4_b)),
        "Preallocated output dtype DataType::BFLOAT4_B is not compatible",
        "of the dtype of the result",
    ),
    (
        "a unary output of another layout",
        lambda t: ttnn.maximum(t(4, 8), 1.0, output_tensor=t(4, 8, layout=RM)),
        "Unary: Output format (tile/row-major) must match input when preallocated",
        "of the layout of the operand",
    ),
    (
        "integers limited by floats, into memory of another kind",
        lambda t: ttnn.clamp(
            t(4, 8, dtype=ttnn.int32),
            0.0,
            1.0,
            memory_config=t.sharded("HEIGHT_SHARDED", 1, 32, 32).memory_config(),
        ),
        "Typecast operation requires Input and Output memory layout to match",
        "ttnn.to_memory_config",
    ),
    (
        "a row in parts, squeezed to a vector",
        lambda t: ttnn.squeeze(
            t(1, 33, memory=t.sharded("WIDTH_SHARDED", 2, 32, 32).memory_config()), 0
        ),
        "Changing the last dimension of a sharded tensor is not supported",
        "ttnn.to_memory_config",
    ),
    (
        "a scalar of bytes reduced",
        lambda t: ttnn.max(t(dtype=ttnn.uint8)),
        "Unsupported datatype DataType::UINT8",
        "ttnn.typecast",
    ),
    (
        "block floats on the host for shards that nobody gave",
        lambda t: ttnn.ones_like(
            t(32, 32, dtype=ttnn.bfloat8_b, host=True),
            memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG,
        ),
        "bad optional access",
        "Leave the memory config out",
    ),
    (
        "block floats on the host for too few shards",
        lambda t: ttnn.ones_like(
            t(64, 32, dtype=ttnn.bfloat8_b, host=True),
            memory_config=t.sharded("HEIGHT_SHARDED", 1, 32, 32).memory_config(),
        ),
        "Number of shards along height 2 must not exceed number of cores 1",
        "",
    ),
    (
        "shards moved to another buffer type",
        lambda t: ttnn.move(
            t.sharded("HEIGHT_SHARDED", 1, 32, 32), memory_config=t.in_dram("HEIGHT_SHARDED")
        ),
        "Expected input buffer alignment and output buffer alignment to be equal",
        "ttnn.to_memory_config",
    ),
    (
        "a unary output of another shape",
        lambda t: ttnn.clamp(t(4, 8), 0.0, 1.0, output_tensor=t(1, 4, 8)),
        "Unary: Preallocated output shape must match computed shape",
        "of the shape of the operand",
    ),
    (
        "embedding, dtype of a result in rows",
        lambda t: ttnn.embedding(t.ids(2, 32), t(9, 32, layout=RM), dtype=ttnn.float32),
        "Can only typecast output embeddings when producing TILE_LAYOUT output",
        "layout=ttnn.TILE_LAYOUT",
    ),
    (
        "embedding, several tables",
        lambda t: ttnn.embedding(t.ids(2, 32), t(2, 9, 32, layout=RM)),
        "First two dimensions for the weights must be 1 but got 1 and 2",
        "[V, D]",
    ),
    (
        "embedding, a table of 4 bits",
        lambda t: ttnn.embedding(t.ids(2, 32), t(9, 32, dtype=ttnn.bfloat4_b)),
        "Only TILE layout is supported for BFLOAT8_B dtype!",
        "Use BFLOAT16",
    ),
    (
        "pad, tiles in front",
        lambda t: ttnn.pad(t(4, 8), [(1, 0), (0, 0)], 0.0),
        "ttnn.pad: on device tile padding does not support front padding",
        "ROW_MAJOR_LAYOUT",
    ),
    (
        "pad to a smaller shape",
        lambda t: ttnn.pad(t(1, 1, 4, 8, layout=RM), [1, 1, 3, 8], [0, 0, 0, 0], 0.0),
        "Output size cannot fit input with offset",
        "Give at least [1, 1, 4, 8]",
    ),
    (
        "concat, layouts where a tile is not full",
        lambda t: ttnn.concat([t(1, 33, 64), t(1, 33, 64, layout=RM)], 1),
        "ttnn.concat: expected all input tensors to be in tile layout",
        "ttnn.to_layout",
    ),
    (
        "concat into an output",
        lambda t: ttnn.concat([t(4, 8), t(4, 8)], 0, output_tensor=t(8, 8)),
        "optional output tensor currently unsupported!",
        "Leave it out",
    ),
    (
        "slice of 4-bit floats within a tile",
        lambda t: t(64, 64, dtype=ttnn.bfloat4_b)[1:],
        "Only TILE layout is supported for BFLOAT8_B dtype!",
        "multiple of 32",
    ),
    (
        "matmul, a batch of one in L1",
        lambda t: ttnn.matmul(t(1, 4, 8, memory=L1), t(2, 8, 8)),
        "bmm (non-bcast matmul) expects input tensors of shapes BCMK*BCKN=BCMN",
        "in DRAM",
    ),
    (
        "matmul, a batch of one with a grid",
        lambda t: ttnn.matmul(t(1, 4, 8), t(2, 8, 8), core_grid=t.device.core_grid),
        "bmm (non-bcast matmul) expects",
        "leave core_grid out",
    ),
    (
        "matmul, a vector with a grid",
        lambda t: ttnn.matmul(t(4, 8), t(8), core_grid=t.device.core_grid),
        "The k dimension does not match between tensors",
        "[K, 1]",
    ),
    (
        "matmul, shards and an activation",
        lambda t: ttnn.matmul(t.sharded("HEIGHT_SHARDED", 2, 32, 64), t(64, 32), activation="relu"),
        "Sharded matmul run with UnaryOpType::RELU activation",
        "Apply the activation afterwards",
    ),
    (
        "matmul, shards of the second operand",
        lambda t: ttnn.matmul(t(64, 64), t.sharded("HEIGHT_SHARDED", 2, 32, 64)),
        "Input B memory layout must be INTERLEAVED, got: TensorMemoryLayout::HEIGHT_SHARDED",
        "ttnn.to_memory_config",
    ),
    (
        "layer_norm of rows of shards",
        lambda t: ttnn.layer_norm(t.sharded("HEIGHT_SHARDED", 2, 32, 64)),
        "Height sharded inputs are not supported.",
        "ttnn.to_memory_config",
    ),
    (
        "rms_norm, a weight of more than one row",
        lambda t: ttnn.rms_norm(t(4, 64), weight=t(40, 64)),
        "Gamma tensor height must equal tile height (32), got: 64",
        "[1, D]",
    ),
    (
        "attention, a mask in L1",
        lambda t: attend(
            *(t(1, 1, 8, 32) for _ in range(3)),
            is_causal=False,
            attn_mask=t(1, 1, 8, 8, memory=L1),
        ),
        "When mask is provided to SDPA, it must be in DRAM",
        "ttnn.DRAM_MEMORY_CONFIG",
    ),
    (
        "heads, keys and values of another size",
        lambda t: split_heads(t(1, 8, 64), t(1, 8, 256), num_heads=2),
        "Dimension mismatch: KV head size (64) must be equal to query head size (32).",
        "num_kv_heads",
    ),
    (
        "typecast, the wrong input dtype",
        lambda t: ttnn.typecast(t(4, 8), ttnn.float32, ttnn.bfloat8_b),
        "input dtype and input tensor's dtype provided should match",
        "Leave the input dtype out",
    ),
    (
        "typecast out of shards",
        lambda t: ttnn.typecast(
            t.sharded("HEIGHT_SHARDED", 2, 32, 64), ttnn.float32, memory_config=L1
        ),
        "Typecast operation requires Input and Output memory layout to match",
        "ttnn.to_memory_config",
    ),
    (
        "rows moved and converted at once",
        lambda t: ttnn.to_memory_config(t(4, 8, layout=RM), L1, dtype=ttnn.float32),
        "Only tile layout supports dtype conversion",
        "ttnn.typecast",
    ),
    (
        "argmax of integers along another dimension",
        lambda t: ttnn.argmax(t(4, 8, dtype=ttnn.int32, layout=RM), dim=0),
        "ROW_MAJOR: only argmax on the last dim is supported. Got dim=0, expected 1",
        "ttnn.typecast",
    ),
    (
        "topk, a dimension that is not there",
        lambda t: ttnn.topk(t(4, 8), 2, dim=2),
        "Dimension for topk is out of range (expected to be in range of [-2, 1])",
        "dimension of the tensor",
    ),
    (
        "split into nothing",
        lambda t: ttnn.split(t(4, 8), [4, 0]),
        "split_size should be greater than 0, instead got: {4, 0}",
        "1 or more",
    ),
    (
        "squeeze, a dimension twice",
        lambda t: ttnn.squeeze(t(1, 4), [0, -2]),
        "dim 0 appears multiple times in the list of dims",
        "once",
    ),
    (
        "softmax of rows",
        lambda t: ttnn.softmax(t(1, 1, 4, 8, layout=RM), dim=2),
        "Inputs to softmax must be tilized",
        "ttnn.TILE_LAYOUT",
    ),
    (
        "argmax of shards",
        lambda t: ttnn.argmax(t.sharded("HEIGHT_SHARDED", 2, 32, 64), dim=-1),
        "Only INTERLEAVED memory layout is supported for inputs",
        "ttnn.to_memory_config",
    ),
    (
        "embedding of sharded ids",
        lambda t: ttnn.embedding(t.sharded("HEIGHT_SHARDED", 2, 32, 64), t(9, 32)),
        "Embedding does not currently support sharded inputs",
        "interleaved",
    ),
    (
        "heads of blocks into blocks",
        lambda t: split_heads(
            ttnn.reshape(t.sharded("BLOCK_SHARDED", 2, 32, 96), [1, 32, 192]), num_heads=2
        ),
        "Output memory config layout must be HEIGHT_SHARDED but got",
        "ttnn.to_memory_config",
    ),
    (
        "to_layout, a layout that is none",
        lambda t: ttnn.to_layout(t(4, 8), ttnn.Layout.INVALID),
        "ttnn::to_layout: Unsupported layout conversion from Layout::TILE to Layout::INVALID!",
        "ttnn.ROW_MAJOR_LAYOUT",
    ),
    (
        "view on the host",
        lambda t: ttnn.view(t(4, 8, host=True), [1, 4, 8]),
        "View requires the tensor be stored on device, use reshape instead",
        "ttnn.reshape",
    ),
    (
        "reshape of a scalar into another memory",
        lambda t: ttnn.reshape(t(layout=RM), [1, 1], memory_config=L1),
        "Can't do reshape to or from a rank 0 tensor",
        "Leave memory_config out",
    ),
    (
        "slice from before the tensor",
        lambda t: t(4, 8)[-5:],
        "End 4 must be greater than or equal to start 4294967295",
        "Dimension 0 has 4 elements",
    ),
    (
        "slice of no 4-bit floats within a tile",
        lambda t: t(64, 64, dtype=ttnn.bfloat4_b)[3:3],
        "Only TILE layout is supported for BFLOAT8_B dtype!",
        "multiple of 32",
    ),
    (
        "repeat of 4-bit floats to five dimensions",
        lambda t: ttnn.repeat(t(1, 1, 1, 1, dtype=ttnn.bfloat4_b), [2, 1, 1, 1, 1]),
        "Only TILE layout is supported for BFLOAT8_B dtype!",
        "ttnn.typecast",
    ),
    (
        "typecast of no rows",
        lambda t: ttnn.typecast(t(0, 8, layout=RM), ttnn.float32),
        "DFB 'out' has no producer",
        "ttnn.empty",
    ),
    (
        "transpose of nothing out of shards",
        lambda t: ttnn.transpose(t.sharded("HEIGHT_SHARDED", 2, 32, 64), 1, -1, memory_config=L1),
        "Clone: mixed sharded/interleaved layout not currently supported",
        "ttnn.to_memory_config",
    ),
]


@pytest.mark.parametrize(
    ("call", "info", "do"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_refused_with_advice(make: Make, call: Call, info: str, do: str) -> None:
    with pytest.raises(OperationRefused) as caught:
        call(make)
    text = str(caught.value)
    assert text.startswith("TT_FATAL @ ttnn.")
    assert f"info:\n{info}" in text or info in caught.value.info
    assert do in caught.value.do


def test_row_major_weights_that_do_not_fit_in_l1(make: Make) -> None:
    x, narrow, wide = make(1, 8192), make(16, 32, layout=RM), make(256, 32, layout=RM)
    ttnn.layer_norm(make(1, 512), weight=narrow)
    with pytest.raises(OutOfMemoryError) as caught:
        ttnn.layer_norm(x, weight=wide)
    # The number is TTNN's, byte for byte.
    assert "grow to 3358048 B which is beyond max L1 size of 1499136 B" in str(caught.value)
    assert "TTNN streams those" in str(caught.value)
    ttnn.layer_norm(x, weight=make(8192))


@pytest.mark.parametrize(
    "call",
    [
        lambda t: ttnn.pad(t(4, 8, host=True), [(0, 1), (0, 0)], 0.0),
        lambda t: ttnn.pad(t(1, 1, 4, 8, layout=RM, host=True), [(0, 1), (0, 0)], 0.0),
    ],
    ids=["tiles", "rank 4"],
)
def test_padding_that_ttnn_forgets(make: Make, call: Call) -> None:
    with pytest.raises(WrongInTTNN) as caught:
        call(make)
    text = str(caught.value)
    assert text.startswith("ttnn.pad: refused, since TTNN 0.81.1 gives a wrong result here\ninfo:")
    assert "Pad before ttnn.from_torch" in text
    assert tuple(ttnn.pad(make(4, 8, layout=RM, host=True), [(0, 1), (0, 0)], 0.0).shape) == (5, 8)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: ttnn.topk(t(4, 8), -1),
        lambda t: split_heads(t(1, 8, 64), num_heads=-1),
        lambda t: ttnn.pad(t(4, 8, layout=RM), [5, 8], [0, 0], 0.0),
        lambda t: ttnn.gelu(
            t(4, 8), variant=ttnn.GeluVariant.Tanh, fast_and_approximate_mode=False
        ),
        lambda t: ttnn.rsub(1, t(4, 8)),
        lambda t: ttnn.repeat(t(4, 8), [-1, 1]),
        lambda t: t(4, 8)[1.5],
        lambda t: ttnn.arange(None, 3),
        lambda t: ttnn.arange(3, step=1),
        lambda t: ttnn.arange(0, 3, None),
        lambda t: ttnn.arange(start=3),
        lambda t: ttnn.arange(3, start=1),
        lambda t: ttnn.arange(3, 5, start=1),
        lambda t: ttnn.arange(end=3, step=1),
        lambda t: ttnn.experimental.nlp_create_qkv_heads(t(1, 1, 32, 96), num_heads=True),
        lambda t: ttnn.embedding(t.ids(1, 4), t(9, 32), embeddings_type=0),
    ],
    ids=[
        *("topk", "heads", "pad", "gelu", "rsub", "repeat", "index", "arange", "step", "no step"),
        *("start", "start twice", "start and end", "end and step", "a bool", "an integer"),
    ],
)
def test_arguments_of_the_wrong_kind(make: Make, call: Call) -> None:
    with pytest.raises(TypeError) as caught:
        call(make)
    assert isinstance(caught.value, ArgumentMismatch)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda t: ttnn.where(t(4, 8, host=True), t(4, 8), t(4, 8)), "on the host"),
        (lambda t: ttnn.embedding(t.ids(1, 4), t(9, 0, layout=RM)), "no columns"),
        (lambda t: ttnn.concat([t(4, 0), t(4, 33)], 1), "no elements"),
        (lambda t: ttnn.typecast(t(4, 0, layout=RM), ttnn.float32), "Rows without elements"),
        (lambda t: ttnn.copy(t(4, 0, layout=RM), t(4, 0, layout=RM)), "Rows without elements"),
        (lambda t: ttnn.move(t(0, layout=RM), memory_config=L1), "Rows without elements"),
        (
            lambda t: ttnn.permute(t(2, 0, layout=RM), (0, 1), memory_config=L1),
            "Rows without elements",
        ),
        (lambda t: ttnn.to_memory_config(t(0, layout=RM), L1), "Rows without elements"),
        (
            lambda t: ttnn.to_memory_config(
                t(0, 64), t.sharded("HEIGHT_SHARDED", 2, 32, 64).memory_config()
            ),
            "Shards of no elements",
        ),
        (lambda t: ttnn.permute(t(4, 0, layout=RM), [1, 0]), "A tensor without elements"),
        (lambda t: ttnn.transpose(t(0, 4, 5), 0, 1), "A tensor without elements"),
        (lambda t: ttnn.permute(t(4, 5, 0), [1, 2, 0]), "A tensor without elements"),
        (lambda t: ttnn.transpose(t(4, 5, host=True), 0, 0, memory_config=L1), "on the host"),
    ],
    ids=[
        *(
            "where",
            "embedding",
            "concat",
            "typecast",
            "copy",
            "move",
            "permute to memory",
            "to_memory_config",
        ),
        *("shards", "permute rows", "transpose", "permute", "transpose on the host"),
    ],
)
def test_what_kills_ttnns_process(make: Make, call: Call, why: str) -> None:
    with pytest.raises(WouldCrash, match=why):
        call(make)


def test_a_sharded_operand_is_made_by_the_helper(device: Any) -> None:
    tensor = Make(device).sharded("WIDTH_SHARDED", 2, 64, 32)
    assert tuple(tensor.shape) == (64, 64)
    assert tensor.is_sharded()
    assert not on_device(torch.zeros(4, 8), device).is_sharded()
