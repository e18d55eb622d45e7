"""Heads of a decode step: one token of each user, and one core for each user."""

from __future__ import annotations

import functools
from typing import Annotated, Any

import torch

from symbiote_emulator.errors import (
    IncompatibleArguments,
    NotImitated,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.operations._common import (
    emit,
    require_device,
    require_device_or_crash,
    require_tile,
)
from symbiote_emulator.operations._users import cores_of, first_cores
from symbiote_emulator.operations.reshape import owned
from symbiote_emulator.registry import operation
from symbiote_emulator.signature import EXACT
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    TILE_SIZE,
    BufferType,
    CoreRangeSet,
    DataType,
    Layout,
    MemoryConfig,
    ShardOrientation,
    ShardSpec,
    TensorMemoryLayout,
)

_MOST_USERS = 32
_DTYPES = (DataType.FLOAT32, DataType.BFLOAT16)


@operation("ttnn.experimental.nlp_create_qkv_heads_decode")
def nlp_create_qkv_heads_decode(
    input_tensor: Tensor,
    *,
    num_heads: int,
    num_kv_heads: int | None = None,
    output_tensors: Any = None,
    overlap_qk_coregrid: bool | None = True,
    batch_offset: Tensor | None = None,
    slice_size: int | None = None,
    memory_config: MemoryConfig | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Split a fused projection of one token a user into heads.

    Args:
        input_tensor: [1, 1, B, (heads + 2 * kv_heads) * size] tiles of BFLOAT16 or FLOAT32, at
            most 32 users; interleaved, or with shards of columns.
        num_heads: heads of the query.
        num_kv_heads: heads of key and value, at most as many; the query's if left out.
        output_tensors: refused.
        overlap_qk_coregrid: False is refused for shards: no cores of its own for the key.
        batch_offset: refused.
        slice_size: refused.
        memory_config: its shards name the cores, all of the device without; the rest of it has no
            effect.

    Returns:
        Query [1, B, heads, size], key and value [1, B, kv_heads, size], in shards of L1: those of
        one user on each core, row by row of the cores.

    Raises:
        OperationRefused: another shape, dtype, layout or kind of shards, too few cores, heads
            that are no whole tiles, and options that are not emulated.
    """
    kv_heads = num_heads if num_kv_heads is None else num_kv_heads
    _check_arguments(num_heads, kv_heads, output_tensors, slice_size)
    x = input_tensor
    device = require_device_or_crash(x)
    size = _head_size(x, num_heads, kv_heads)
    _check_input(x, num_heads, kv_heads)
    if batch_offset is not None or slice_size is not None:
        raise NotImitated(
            "A slice of the users.", "Slice the tensor with ttnn.slice, and leave it out."
        )
    if x.is_sharded():
        _check_shards(x, overlap=overlap_qk_coregrid is not False)
    users = x.spec.shape[2]
    cores = first_cores(cores_of(memory_config, device), users)
    heads = x.value.reshape(1, users, -1, size)
    query, key, value = (
        emit(
            owned(part),
            device,
            dtype=x.dtype,
            layout=Layout.TILE,
            memory_config=_one_user_a_core(cores, part.shape[2], size),
        )
        for part in torch.split(heads, [num_heads, kv_heads, kv_heads], 2)
    )
    return query, key, value


def _check_arguments(heads: int, kv_heads: int, outputs: Any, slice_size: int | None) -> None:
    if min(heads, kv_heads, slice_size or 0) < 0:
        raise IncompatibleArguments
    if outputs is not None:
        tensors = isinstance(outputs, (list, tuple)) and all(isinstance(t, Tensor) for t in outputs)
        if not tensors or len(outputs) != 3:
            raise IncompatibleArguments
        raise WrongInTTNN("TTNN does not write output_tensors.", "Take the tensors it returns.")
    if heads + 2 * kv_heads == 0:
        raise WouldCrash("No heads.", "Pass num_heads and num_kv_heads.")


def _head_size(x: Tensor, heads: int, kv_heads: int) -> int:
    """The width of a head, as TTNN works it out of the padded width."""
    rank = len(x.spec.shape)
    if rank < 4:
        raise OperationRefused(
            f"ShapeBase[] index out of range. 3 not in [-4, {rank})",
            "Reshape it to [1, 1, users, width].",
        )
    width, parts = x.spec.padded_shape[3], heads + 2 * kv_heads
    if width % parts:
        raise OperationRefused(
            f"Input shape {width} must be divisible by num_heads + 2*num_kv_heads = {parts}",
            "Check num_heads and num_kv_heads.",
        )
    return width // parts


def _check_input(x: Tensor, heads: int, kv_heads: int) -> None:
    if x.dtype not in _DTYPES:
        raise OperationRefused("Unsupported data format", "Convert it with ttnn.typecast.")
    require_tile(x, "Only tile layout is supported for input tensor")
    shape = x.spec.shape
    if len(shape) > 4 or shape[3] % TILE_SIZE or shape[2] > _MOST_USERS or shape[:2] != (1, 1):
        raise OperationRefused(
            f"Unsupported input shape = {x.shape}",
            "Give [1, 1, users, width]: at most 32 users, and a width of whole tiles.",
            shape=shape,
        )
    if heads < kv_heads:
        raise OperationRefused(
            f"num_q_heads={heads} must be greater than or equal to num_kv_heads={kv_heads}",
            "Check num_heads and num_kv_heads.",
        )
    if not kv_heads or not shape[3]:
        raise OperationRefused(
            "Shard shape must be greater than 0 in each sharded dim, got "
            f"[0, {x.spec.padded_shape[3]}]",
            "Give at least one head of key and value.",
        )


def _check_shards(x: Tensor, *, overlap: bool) -> None:
    memory = x.memory_config()
    assert memory.shard_spec is not None  # a tensor on the device has them
    if memory.memory_layout is not TensorMemoryLayout.WIDTH_SHARDED:
        raise OperationRefused(
            "Current input memory layout is TensorMemoryLayout::"
            f"{memory.memory_layout.name}. It must be width sharded",
            "Move it with ttnn.to_memory_config.",
        )
    if memory.shard_spec.orientation is not ShardOrientation.ROW_MAJOR:
        raise OperationRefused(
            "Shard orientation must be ROW_MAJOR", "Move it with ttnn.to_memory_config."
        )
    if not overlap:
        raise NotImitated(
            "The key on cores of its own.", "Leave overlap_qk_coregrid out, or move the input."
        )


@operation("ttnn.experimental.nlp_concat_heads_decode")
def nlp_concat_heads_decode(
    input_tensor: Tensor,
    *,
    num_heads: Annotated[int, EXACT],
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    sub_core_grids: CoreRangeSet | None = None,
) -> Tensor:
    """Put the heads of each user side by side.

    [1, B, heads, size] gives [1, 1, 32, num_heads * size], however many users there are. The rows
    of no user hold NaN: a chip leaves there what the memory held before.

    Args:
        input_tensor: tiles of BFLOAT16 or FLOAT32 in height shards in L1, one user on each core.
        num_heads: how many heads, from the first on.
        memory_config: without effect: the result is in width shards in L1, one head on each core.
        output_tensor: refused.
        sub_core_grids: the cores of the result, all of the device if left out; needed where the
            cores of the input are no rectangle.

    Raises:
        OperationRefused: another shape, dtype, layout or kind of shards, too few cores; more heads
            than there are, heads that are no whole tiles and shards in DRAM, which TTNN gets wrong.
    """
    del memory_config
    if isinstance(num_heads, bool) or num_heads < 0:
        raise IncompatibleArguments
    x = input_tensor
    device = require_device(x)
    _check_heads(x, num_heads)
    shards = _check_users(x)
    if sub_core_grids is None and len(shards.grid.ranges()) > 1:
        raise OperationRefused(
            "bad optional access",
            "The cores of the input are no rectangle: pass sub_core_grids, or give "
            "nlp_create_qkv_heads_decode a memory_config with shards on a rectangle.",
        )
    if output_tensor is not None:
        raise NotImitated("output_tensor.", "Leave it out, and take the tensor that it returns.")
    _, users, there, size = x.spec.shape
    if num_heads > there:
        raise WrongInTTNN("More heads than there are.", "Check num_heads.", heads=there)
    if size % TILE_SIZE:
        raise WrongInTTNN(
            "Heads that are no whole tiles.",
            "TTNN puts the padded heads side by side. Pad them to a multiple of 32.",
            size=size,
        )
    if x.memory_config().buffer_type is not BufferType.L1:
        raise WrongInTTNN(
            "Shards in DRAM.", "TTNN reads what is in L1 there. Move the input to L1."
        )
    if shards.orientation is not ShardOrientation.ROW_MAJOR:
        raise NotImitated("Users column by column.", "Use ShardOrientation.ROW_MAJOR.")
    grid = cores_of(None, device) if sub_core_grids is None else sub_core_grids
    merged = torch.full((1, 1, TILE_SIZE, num_heads * size), torch.nan, dtype=x.value.dtype)
    merged[0, 0, :users] = x.value[0, :, :num_heads].reshape(users, num_heads * size)
    return emit(
        merged,
        device,
        dtype=x.dtype,
        layout=Layout.TILE,
        memory_config=_one_head_a_core(first_cores(grid, num_heads), size),
    )


def _check_heads(x: Tensor, heads: int) -> None:
    rank = len(x.spec.shape)
    if rank < 4:
        raise OperationRefused(
            f"ShapeBase[] index out of range. 3 not in [-4, {rank})",
            "Reshape it to [1, users, heads, size].",
        )
    if x.dtype not in _DTYPES:
        raise OperationRefused("Unsupported data format", "Convert it with ttnn.typecast.")
    require_tile(x, "Input tensor layout must be TILE but got Layout::ROW_MAJOR")
    if rank > 4:
        raise OperationRefused(
            f"padded heads must be a multiple of TILE_HEIGHT (32), got {x.spec.padded_shape[2]}",
            "Reshape it to [1, users, heads, size].",
        )
    if heads > x.spec.padded_shape[2]:
        raise OperationRefused("head_dim must be multiple of TILE_WIDTH", "Check num_heads.")


def _check_users(x: Tensor) -> ShardSpec:
    """The shards of the input, which hold one user each."""
    memory, shards = x.memory_config(), x.memory_config().shard_spec
    if shards is None:
        raise OperationRefused(
            "Input tensor must be sharded",
            "Move it with ttnn.to_memory_config, or use nlp_concat_heads.",
        )
    if memory.memory_layout is not TensorMemoryLayout.HEIGHT_SHARDED:
        raise OperationRefused(
            "Input tensor memory layout must be HEIGHT_SHARDED but got "
            f"TensorMemoryLayout::{memory.memory_layout.name}",
            "Move it with ttnn.to_memory_config.",
        )
    batch, users, _, _ = x.spec.shape
    height = x.spec.padded_shape[2]
    if shards.shape[0] != height:
        raise OperationRefused(
            f"Shard spec shape[0] ({shards.shape[0]}) must match input tensor padded shape[-2] "
            f"({height})",
            "Give one user to each core.",
        )
    if shards.num_cores() != users:
        raise OperationRefused(
            "Input core grid num_cores must be equal to num users", "Give one user to each core."
        )
    if batch != 1 or users > _MOST_USERS:
        raise OperationRefused(
            f"Shard height {TILE_SIZE} must match physical height {batch * users}",
            "Give [1, users, heads, size] of at most 32 users.",
        )
    return shards


@functools.lru_cache(maxsize=1024)
def _one_head_a_core(cores: CoreRangeSet, size: int) -> MemoryConfig:
    shards = ShardSpec(cores, (TILE_SIZE, size), ShardOrientation.ROW_MAJOR)
    return MemoryConfig(TensorMemoryLayout.WIDTH_SHARDED, BufferType.L1, shards)


@functools.lru_cache(maxsize=1024)
def _one_user_a_core(cores: CoreRangeSet, heads: int, size: int) -> MemoryConfig:
    height = -(-heads // TILE_SIZE) * TILE_SIZE
    shards = ShardSpec(cores, (height, size), ShardOrientation.ROW_MAJOR)
    return MemoryConfig(TensorMemoryLayout.HEIGHT_SHARDED, BufferType.L1, shards)
