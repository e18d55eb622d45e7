"""Updating a KV cache token by token, each user at a position of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.errors import (
    IncompatibleArguments,
    NotImitated,
    OperationRefused,
    WrongInTTNN,
)
from symbiote_emulator.operations._cache import (
    require_four_dimensions,
    require_positions,
    require_unsigned,
    with_padding,
)
from symbiote_emulator.operations._common import (
    require_device,
    require_device_or_crash,
    require_tile,
)
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    BufferType,
    DataType,
    Layout,
    ShardOrientation,
    TensorMemoryLayout,
    WormholeComputeKernelConfig,
)

_CACHE_DTYPES = (
    DataType.FLOAT32,
    DataType.BFLOAT16,
    DataType.BFLOAT8_B,
    DataType.BFLOAT4_B,
)
_INPUT_DTYPES = (DataType.FLOAT32, DataType.BFLOAT16)
_SKIP = -1  # the position of a user that TTNN leaves out


@operation("ttnn.experimental.paged_update_cache")
def paged_update_cache(
    cache_tensor: Tensor,
    input_tensor: Tensor,
    *,
    update_idxs: Sequence[int] = (),
    update_idxs_tensor: Tensor | None = None,
    share_cache: bool | None = None,
    page_table: Tensor | None = None,
    batch_offset: int = 0,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    mesh_coords: Any = None,
    block_size: int | None = None,
    num_kv_heads: int | None = None,
    cache_position_modulo: int | None = None,
) -> Tensor:
    """Write a token of each user into a cache, in place, and return the cache.

    Heads that the input lacks are padding, for TTNN writes whole tiles: they become zeros here.

    Args:
        cache_tensor: [B, kv_heads, L, size], interleaved tiles of any float.
        input_tensor: [1, B, kv_heads, size], tiles of BFLOAT16 or FLOAT32 in L1, one user a core.
        update_idxs: B positions; or else
        update_idxs_tensor: INT32 [B] in rows in DRAM; -1 leaves a user out.
        share_cache: not emulated.
        page_table: not emulated.
        batch_offset: 0.
        compute_kernel_config: accepted.
        mesh_coords: not emulated.
        block_size: only with a page table.
        num_kv_heads: only with a page table.
        cache_position_modulo: only with a page table.

    Raises:
        OperationRefused: what TTNN refuses.
        NotImitated: page tables, shared caches, and tensors of another rank.
        WrongInTTNN: a position past the end of the cache, more heads than TTNN reads, several users
            a core.
        WouldCrash: the input is on the host, or deallocated.
    """
    del compute_kernel_config
    require_unsigned(batch_offset, block_size, num_kv_heads, cache_position_modulo, *update_idxs)
    if any(type(position) is bool for position in update_idxs):
        raise IncompatibleArguments
    require_device_or_crash(input_tensor)
    require_device(cache_tensor)
    if update_idxs_tensor is not None:
        require_device(update_idxs_tensor)
    _check_cache(cache_tensor, input_tensor)
    if (update_idxs_tensor is None) is not bool(update_idxs):
        raise OperationRefused(
            "Only an update tensor or an update vector can be provided. Not both or neither.",
            "Give update_idxs or update_idxs_tensor.",
        )
    if page_table is not None or share_cache or mesh_coords is not None:
        raise NotImitated(
            "A page table, a shared cache or mesh coordinates.",
            "Give each user a cache of its own, and leave them out.",
        )
    paged = {
        "block_size_override": block_size,
        "num_kv_heads_override": num_kv_heads,
        "cache_position_modulo": cache_position_modulo,
    }
    for name, given in paged.items():
        if given is not None:
            raise OperationRefused(
                f"{name} is only supported in paged mode (when page_table is provided)",
                "Leave it out.",
            )
    if batch_offset:
        raise OperationRefused("batch_offset must be 0", "Leave it out.")
    require_four_dimensions(cache_tensor, input_tensor)
    _, heads, length, size = cache_tensor.spec.shape
    positions = _positions(update_idxs, update_idxs_tensor)
    _check_input(cache_tensor, input_tensor, len(positions))
    users = [user for user, position in enumerate(positions) if position != _SKIP]
    kept = [positions[user] for user in users]
    require_positions(kept, length)
    if not users:
        return cache_tensor
    tokens = with_padding(input_tensor, heads, size)[0]
    if len(users) < len(positions):
        tokens = tokens[users]
    cache_tensor.write(tokens, (torch.tensor(users), slice(None), torch.tensor(kept)))
    return cache_tensor


def _check_cache(cache: Tensor, source: Tensor) -> None:
    require_tile(source, "Input tensor in non-fused update_cache must be tilized")
    require_tile(cache, "Cache tensor in update_cache must be tilized")
    if cache.dtype not in _CACHE_DTYPES:
        raise OperationRefused(
            "Expect cache_tensor to have datatype FLOAT32, BFLOAT16, BFLOAT8_B or BFLOAT4_B, got "
            f"DataType::{cache.dtype.name}",
            "Make the cache of another dtype.",
        )
    if cache.is_sharded():
        raise OperationRefused(
            "Only interleaved cache is supported", "Move it with ttnn.to_memory_config."
        )
    if source.dtype not in _INPUT_DTYPES:
        raise OperationRefused(
            "Data type of input tensor for paged_update_cache must be FLOAT32 or BFLOAT16",
            "Convert it with ttnn.typecast; the cache may be of a block float all the same.",
        )
    if not source.is_sharded():
        raise OperationRefused(
            "Expect input_tensor to be sharded",
            "Move it to L1 with ttnn.to_memory_config, one user a core.",
        )


def _positions(listed: Sequence[int], tensor: Tensor | None) -> list[int]:
    if tensor is None:
        return list(listed)
    if tensor.dtype is not DataType.INT32:
        raise OperationRefused(
            "Expected update_idxs to have datatype INT32",
            "Make it with ttnn.from_torch(positions, dtype=ttnn.int32).",
        )
    if tensor.layout is not Layout.ROW_MAJOR:
        raise OperationRefused(
            "Expected update_idxs to have memory layout in ROW MAJOR",
            "Convert it with ttnn.to_layout(tensor, ttnn.ROW_MAJOR_LAYOUT).",
        )
    if tensor.is_sharded() or len(tensor.spec.shape) > 1:
        raise NotImitated(
            "Positions that are sharded, or no vector.",
            "Give update_idxs_tensor as [batch] in DRAM.",
        )
    if tensor.buffer_type() is not BufferType.DRAM:
        raise OperationRefused(
            "Expect update_idxs to have buffer type DRAM",
            "Move it with ttnn.to_memory_config(tensor, ttnn.DRAM_MEMORY_CONFIG).",
        )
    return [int(position) for position in tensor.value.reshape(-1).tolist()]


def _check_input(cache: Tensor, source: Tensor, positions: int) -> None:
    one, batch, rows, width = source.spec.padded_shape
    if one != 1:
        raise OperationRefused(
            "Dim 0 of input tensor must be 1", "Give it as [1, batch, kv_heads, size]."
        )
    if width != cache.spec.padded_shape[3]:
        raise OperationRefused(
            f"Last dim of input tensor ({width}) must match last dim of cache tensor "
            f"({cache.spec.padded_shape[3]}) in non-paged mode",
            "Make the head sizes equal.",
        )
    if batch != cache.spec.shape[0]:
        raise OperationRefused(
            "Expect batch in input tensor match the batch in cache tensor",
            "Give a token of every user of the cache.",
        )
    if batch != positions:
        raise OperationRefused(
            f"Number of update_idxs ({positions}) should match batch size ({batch})",
            "Give a position for every user.",
        )
    if not width:
        raise OperationRefused("Shard shape must have non zero volume!", "Give heads a size.")
    _check_shards(source, batch)
    if cache.spec.shape[1] > rows:
        raise WrongInTTNN(
            f"The cache has {cache.spec.shape[1]} heads, and the tiles of the input hold {rows}.",
            "Give all heads of a token; TTNN writes what it finds behind the input.",
        )


def _check_shards(source: Tensor, users: int) -> None:
    memory = source.memory_config()
    shards = memory.shard_spec
    assert shards is not None  # the input is sharded
    if memory.memory_layout is TensorMemoryLayout.WIDTH_SHARDED:
        raise OperationRefused(
            "Expect input_tensor to NOT have memory layout WIDTH SHARDED",
            "Shard it by height, one user a core.",
        )
    height, width = shards.shape
    if width != source.spec.padded_shape[3]:
        raise OperationRefused(
            f"Expect input_tensor to have shard width ({width}) equal to the last dimension of the "
            f"input tensor ({source.spec.padded_shape[3]})",
            "Shard it by height, one user a core.",
        )
    if shards.orientation is not ShardOrientation.ROW_MAJOR:
        raise OperationRefused("Only ROW_MAJOR sharding is supported", "Shard it by rows.")
    if shards.num_cores() != users:
        raise OperationRefused(
            f"Input tensor shard grid must have num_cores ({shards.num_cores()}) equal to the "
            f"number of users / batch ({users}). The kernel dispatches one user per core",
            "Shard it on as many cores as there are users.",
        )
    if memory.buffer_type is not BufferType.L1:
        raise OperationRefused(
            "DFB 'input_shard' borrows memory from TensorParameter 'input', but its TensorSpec is "
            "not L1-resident (L1 is required).",
            "Shard it in L1.",
        )
    rows = source.spec.padded_shape[2]
    if users > 1 and height != rows:
        raise WrongInTTNN(
            f"A user has {rows} rows, and shards of {height} hold several users.",
            "Shard it by height, one user a core: TTNN looks for one on each.",
        )
