"""Filling and updating a KV cache that all users share the length of."""

from __future__ import annotations

import math

from symbiote_emulator.errors import OperationRefused, WouldCrash
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
    TILE_SIZE,
    BufferType,
    DataType,
    TensorMemoryLayout,
    WormholeComputeKernelConfig,
)

_DTYPES = (DataType.FLOAT32, DataType.BFLOAT16, DataType.BFLOAT8_B)


@operation("ttnn.fill_cache")
def fill_cache(
    cache_tensor: Tensor, input_tensor: Tensor, batch_idx: int, *, update_idx: int = 0
) -> Tensor:
    """Write the keys or values of one user into a cache, in place, and return the cache.

    TTNN copies whole tiles: the rows between the length of the input and the next multiple of 32
    become its padding, zeros here.

    Args:
        cache_tensor: [B, kv_heads, L, size], interleaved tiles.
        input_tensor: [1, kv_heads, S, size], tiles of the same dtype.
        batch_idx: the user.
        update_idx: where the input begins, a multiple of 32.

    Raises:
        OperationRefused: what TTNN refuses.
        NotImitated: tensors of another rank.
        WouldCrash: the input has shards, and no rows.
    """
    require_unsigned(batch_idx, update_idx)
    require_device(cache_tensor)
    require_device(input_tensor)
    _check_operands(cache_tensor, input_tensor)
    if input_tensor.dtype is not cache_tensor.dtype:
        raise OperationRefused(
            "Input and cache tensors must have same dtype!", "Convert the input with ttnn.typecast."
        )
    _check_shards(input_tensor)
    shards, rows = input_tensor.memory_config().shard_spec, input_tensor.spec.padded_shape[2]
    if shards is not None and rows % shards.shape[0]:
        raise OperationRefused(
            "Seq len must be divisible by shard height!", "Let no shard hold two heads."
        )
    batch, _, length, _ = cache_tensor.spec.padded_shape
    if batch_idx >= batch:
        raise OperationRefused(
            f"Batch index ({batch_idx}) must be less than cache tensor batch size ({batch})",
            "Choose a user of the cache.",
        )
    if update_idx % TILE_SIZE:
        raise OperationRefused(
            f"Fill update_idx ({update_idx}) must be a multiple of TILE_HEIGHT ({TILE_SIZE})",
            "Begin at a multiple of 32.",
        )
    if update_idx + rows > length:
        raise OperationRefused(
            f"Fill update_idx ({update_idx}) + input tensor height ({rows}) must be <= cache "
            f"tensor height ({length})",
            "Make a longer cache, or give fewer keys.",
        )
    if shards is not None:
        _check_filled(input_tensor)
    _, _, length, size = cache_tensor.spec.shape
    end = min(update_idx + rows, length)
    if update_idx < end:
        value = with_padding(input_tensor, end - update_idx, size)[0]
        cache_tensor.write(value, (int(batch_idx), slice(None), slice(update_idx, end)))
    return cache_tensor


@operation("ttnn.update_cache")
def update_cache(
    cache: Tensor,
    input: Tensor,
    update_idx: int,
    *,
    batch_offset: int = 0,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
) -> Tensor:
    """Write a token of every user into a cache at one position, in place, and return the cache.

    Users that the input lacks are padding, for TTNN reads whole tiles: they get zeros here.

    Args:
        cache: [B, kv_heads, L, size], interleaved tiles.
        input: [1, kv_heads, users, size], tiles; users are padded to a multiple of 32.
        update_idx: the position.
        batch_offset: the first user of the input that is taken.
        compute_kernel_config: accepted.

    Raises:
        OperationRefused: what TTNN refuses.
        NotImitated: tensors of another rank.
        WrongInTTNN: a position past the end of the cache.
        WouldCrash: the input is on the host or deallocated; there are no heads.
    """
    del compute_kernel_config
    return _update(cache, input, update_idx, batch_offset)


@operation("ttnn.kv_cache.fill_cache_for_user_")
def fill_cache_for_user_(
    cache: Tensor, input: Tensor, batch_index: int, *, update_idx: int = 0
) -> Tensor:
    """`ttnn.fill_cache` by another name: see there."""
    return fill_cache.__wrapped__(cache, input, batch_index, update_idx=update_idx)  # type: ignore[attr-defined, no-any-return]


@operation("ttnn.kv_cache.update_cache_for_token_")
def update_cache_for_token_(
    cache: Tensor,
    input: Tensor,
    update_index: int,
    batch_offset: int = 0,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
) -> Tensor:
    """`ttnn.update_cache` with positional arguments: see there."""
    del compute_kernel_config
    return _update(cache, input, update_index, batch_offset)


def _update(cache: Tensor, source: Tensor, position: int, offset: int) -> Tensor:
    require_unsigned(position, offset)
    require_device_or_crash(source)
    require_device(cache)
    _check_operands(cache, source)
    if source.is_sharded():
        _check_shards(source)
        _check_whole_shards(source)
        _check_l1(source)
    _check_users(cache, source, offset)
    batch, heads, length, size = cache.spec.shape
    if not heads:
        raise WouldCrash("No heads.", "Make a cache with heads.")
    if not size:
        raise OperationRefused(
            "DataflowBufferSpec 'cache' has num_entries = 0. num_entries must be set to a non-zero "
            "value.",
            "Give heads a size.",
        )
    require_positions([position], length)
    tokens = with_padding(source, offset + batch, size)[0, :, offset:]
    cache.write(tokens.transpose(0, 1), (slice(None), slice(None), int(position)))
    return cache


def _check_operands(cache: Tensor, source: Tensor) -> None:
    for tensor in (source, cache):
        require_tile(tensor, "Inputs to update_cache must be tilized")
    for name, tensor in (("Input", source), ("Cache", cache)):
        if tensor.dtype not in _DTYPES:
            raise OperationRefused(
                f"{name} tensor dtype must be FLOAT32, BFLOAT16, or BFLOAT8_B but got "
                f"DataType::{tensor.dtype.name}",
                "Convert it with ttnn.typecast.",
            )
    if cache.is_sharded():
        raise OperationRefused(
            "Cache tensor memory layout must be INTERLEAVED but got "
            f"TensorMemoryLayout::{cache.memory_config().memory_layout.name}",
            "Move it with ttnn.to_memory_config.",
        )
    require_four_dimensions(cache, source)
    padded, stored = source.spec.padded_shape, cache.spec.padded_shape
    if padded[3] != stored[3]:
        raise OperationRefused(
            f"Input tensor width ({padded[3]}) must equal cache tensor width ({stored[3]})",
            "Make the head sizes equal.",
        )
    if padded[0] != 1:
        raise OperationRefused(
            f"Input tensor batch size must be 1 but got {padded[0]}",
            "Give it as [1, kv_heads, ..., size].",
        )
    if padded[1] != stored[1]:
        raise OperationRefused(
            f"Input tensor height ({padded[1]}) must equal cache tensor height ({stored[1]})",
            "Give as many heads as the cache has.",
        )


def _check_users(cache: Tensor, source: Tensor, offset: int) -> None:
    batch, rows = cache.spec.shape[0], source.spec.padded_shape[2]
    if batch > rows:
        raise OperationRefused(
            f"Cache tensor batch size ({batch}) must be <= input tensor height ({rows})",
            "Give a token of every user.",
        )
    if -(-batch // TILE_SIZE) * TILE_SIZE != rows:
        raise OperationRefused(
            f"Input batch height ({rows}) must equal cache batch ({batch}) rounded up to a tile",
            "Give as many users as the cache has.",
        )
    if batch < TILE_SIZE and offset + batch > TILE_SIZE:
        raise OperationRefused(
            f"Batch offset ({offset}) + cache tensor batch size ({batch}) must be <= {TILE_SIZE}",
            "Take users that the input has.",
        )
    if batch >= TILE_SIZE and offset:
        raise OperationRefused(
            f"Batch offset must be 0 when cache tensor batch size >= {TILE_SIZE}",
            "Leave batch_offset out.",
        )


def _check_shards(source: Tensor) -> None:
    memory = source.memory_config()
    if memory.shard_spec is None:
        return
    if memory.memory_layout is TensorMemoryLayout.WIDTH_SHARDED:
        raise OperationRefused(
            "Input tensor memory layout must not be WIDTH_SHARDED but got "
            "TensorMemoryLayout::WIDTH_SHARDED",
            "Shard it by height.",
        )
    _, width = memory.shard_spec.shape
    if width != source.spec.padded_shape[3]:
        raise OperationRefused(
            f"Input tensor shard width ({width}) must equal padded width "
            f"({source.spec.padded_shape[3]})",
            "Shard it by height.",
        )


def _check_whole_shards(source: Tensor) -> None:
    shards, rows = source.memory_config().shard_spec, math.prod(source.spec.padded_shape[:-1])
    if shards is not None and rows % shards.shape[0]:
        raise OperationRefused(
            "(input_tensor.physical_volume() / input_tensor.padded_shape()[-1]) % "
            "input_tensor.shard_spec().value().shape[0] == 0",
            f"Give shards whose height divides the {rows} rows of the input.",
        )


def _check_filled(source: Tensor) -> None:
    """Refuse shards that hold nothing."""
    if not source.spec.padded_shape[2]:
        raise WouldCrash("Shards without a row.", "Leave the call out.")
    if not source.spec.padded_shape[1]:
        raise OperationRefused(
            "Borrowed-memory DFB id 0 (from TensorParameter 'input') exceeds the borrowed Buffer's "
            "per-bank size of 0 B.",
            "Make a cache with heads.",
        )


def _check_l1(source: Tensor) -> None:
    if source.buffer_type() is not BufferType.L1:
        raise OperationRefused(
            "DFB 'input' borrows memory from TensorParameter 'input', but its TensorSpec is not "
            "L1-resident (L1 is required).",
            "Shard it in L1.",
        )
