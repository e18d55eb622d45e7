"""Rotary position embeddings in the form of Hugging Face, in TTNN's older operation."""

from __future__ import annotations

from symbiote_emulator.errors import (
    IncompatibleArguments,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.operations._common import emit, require_device, require_device_or_crash
from symbiote_emulator.operations._rotary import (
    check_buffers,
    check_values,
    require_l1,
    result_memory,
    rotated,
)
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    TILE_SIZE,
    Layout,
    MemoryConfig,
    StorageType,
    TensorMemoryLayout,
    WormholeComputeKernelConfig,
)


@operation("ttnn.experimental.rotary_embedding")
def rotary_embedding(
    input_tensor: Tensor,
    cos_cache: Tensor,
    sin_cache: Tensor,
    token_index: int | None = None,
    *,
    memory_config: MemoryConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
) -> Tensor:
    """``x * cos + rotate_half(x) * sin``, rounded once; the result is in tiles.

    Args:
        input_tensor: [B, heads, S, size] of a head size of 32 or a multiple of 64. TTNN rounds S
            up to whole tiles in the result, so it must be a multiple of 32.
        cos_cache: [1, 1, at least S, size], the same for all of the batch.
        sin_cache: as ``cos_cache``, in shape and dtype.
        token_index: the row of the tables for all rows of the input [1, ...].
        memory_config: output memory, that of the input if left out; as for
            :func:`rotary_embedding_hf`.
        compute_kernel_config: accepted.

    Raises:
        OperationRefused: shapes or dtypes that don't go together, an index past the tables, shards
            of columns; and where TTNN computes nonsense: integers, lengths and sizes that are no
            whole tiles.
        WouldCrash: a freed input, row-major tables that are freed or on the host.
    """
    del compute_kernel_config
    if token_index is not None and token_index < 0:
        raise IncompatibleArguments
    x, cos, sin = input_tensor, cos_cache, sin_cache
    if x.storage_type() is not StorageType.DEVICE:
        raise OperationRefused(
            "Input tensor must be on device", "Move the tensor with ttnn.to_device(tensor, device)."
        )
    device = require_device_or_crash(x)
    _check_caches(x, cos, sin)
    size = x.spec.padded_shape[-1]
    length = (1, *x.spec.shape)[-2]  # a vector is one row
    rows = _rows_of_tables(x, cos, length, token_index)
    for table in (cos, sin):
        if table.layout is Layout.TILE:
            require_device(table)
        else:
            require_device_or_crash(table)
    if cos.dtype is not sin.dtype:
        raise OperationRefused("Cos and Sin dtypes must match", "Convert one with ttnn.typecast.")
    _check_shards(x)
    memory = result_memory(x, memory_config, device)
    check_values(x, cos, sin)
    if length % TILE_SIZE:
        raise WrongInTTNN(
            "A length that is no whole number of tiles.",
            "TTNN returns it rounded up to a multiple of 32. Use rotary_embedding_hf.",
            length=length,
        )
    tables = (t.value.reshape(-1, size)[rows] for t in (cos, sin))
    result = rotated(x.value, *tables)
    return emit(result, device, dtype=x.dtype, layout=Layout.TILE, memory_config=memory)


def _check_caches(x: Tensor, cos: Tensor, sin: Tensor) -> None:
    width = x.spec.padded_shape[-1]
    if width != TILE_SIZE and width % (2 * TILE_SIZE):
        raise OperationRefused(
            f"Input X dimension ({width}) must be either 32 (single tile) or divisible by 64 "
            "(rotate_half midpoint must align with a tile boundary).",
            "Pad the halves of the heads.",
        )
    if cos.spec.shape != sin.spec.shape:
        raise OperationRefused(
            f"Cosine and Sine cache dimensions must match. Cos cache dimensions: {cos.shape}, Sin "
            f"cache dimensions: {sin.shape}.",
            "Give them one shape.",
        )
    table = cos.spec.padded_shape
    if table[:2] != (1, 1) or table[-1] != width:
        raise OperationRefused(
            "Cosine cache dimensions must match input dimensions. Expected "
            f"(1, 1, {width}), but got {cos.padded_shape}.",
            f"Give tables [1, 1, length, {width}].",
        )
    if not width:
        raise WouldCrash("Heads without elements.", "Don't call it on empty tensors.")


def _rows_of_tables(x: Tensor, cos: Tensor, length: int, token: int | None) -> slice:
    there = cos.spec.shape[-2]
    if token is None:
        if there < length:
            raise OperationRefused(
                f"Cosine cache must cover the input sequence length. Input sequence length: "
                f"{length}, Cos cache sequence length: {there}.",
                "Give tables of the positions of the input.",
            )
        return slice(length)
    first = x.spec.padded_shape[0]
    if first != 1:
        raise OperationRefused(
            "When token index is provided, sequence length must be 1. Current sequence length: "
            f"{first}.",
            "Give [1, heads, rows, size].",
        )
    if token >= there:
        raise OperationRefused(
            f"Cosine cache must cover the token index. Token index: {token}, Cos cache sequence "
            f"length: {there}.",
            "Give tables of all positions.",
        )
    return slice(token, token + 1)


def _check_shards(x: Tensor) -> None:
    memory = x.memory_config()
    if memory.shard_spec is None:
        return
    if memory.memory_layout is TensorMemoryLayout.WIDTH_SHARDED:
        raise OperationRefused(
            "Input tensor memory layout must not be WIDTH_SHARDED but got "
            "TensorMemoryLayout::WIDTH_SHARDED",
            "Move it with ttnn.to_memory_config.",
        )
    if memory.shard_spec.shape[1] != x.spec.padded_shape[-1]:
        raise OperationRefused(
            f"Input tensor shard width ({memory.shard_spec.shape[1]}) must equal padded width "
            f"({x.spec.padded_shape[-1]})",
            "Move it with ttnn.to_memory_config.",
        )
    require_l1(memory)
    check_buffers(x)
