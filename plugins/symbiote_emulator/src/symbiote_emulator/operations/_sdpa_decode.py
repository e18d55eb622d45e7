"""Attention of one token of each user: what TTNN checks, and the values."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from symbiote_emulator.device import Device
from symbiote_emulator.errors import NotImitated, OperationRefused, WouldCrash, WrongInTTNN
from symbiote_emulator.numerics import bf16_matmul_is_fast
from symbiote_emulator.operations._common import require_device, require_device_or_crash
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    TILE_SIZE,
    BufferType,
    DataType,
    Layout,
    MemoryConfig,
    SDPAProgramConfig,
    TensorMemoryLayout,
)

_DTYPES = (DataType.BFLOAT16, DataType.BFLOAT8_B, DataType.BFLOAT4_B)
_LARGEST_CHUNK = 512  # keys that a core takes at once, if the caller does not say
_MOST_CORES = 64  # of a head: six rounds of a tree reduction
_SKIP = 2**32 - 1  # the position -1 as the chip reads it


def check_tensors(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Device:
    """Refuse operands that are not where, or not as, TTNN wants them.

    Raises:
        OperationRefused: see above.
        WouldCrash: the query is on the host, or deallocated.
        NotImitated: operands of another rank; a query in rows.
    """
    device = require_device_or_crash(q)
    for tensor in (k, v) if mask is None else (k, v, mask):
        require_device(tensor)
    for tensor in (q, k, v):
        if tensor.dtype not in _DTYPES:
            raise OperationRefused(
                f"Unsupported data type DataType::{tensor.dtype.name}.",
                "Convert it with ttnn.typecast.",
            )
    for index, tensor in ((1, k), (2, v)):
        if tensor.layout is not Layout.TILE:
            raise OperationRefused(
                "Inputs to SDPA must be tilized except for Q",
                "Convert the tensor with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
            )
        if tensor.buffer_type() is not BufferType.DRAM:
            raise OperationRefused(
                f"Input tensor {index} buffer type must be DRAM but got "
                f"BufferType::{tensor.buffer_type().name}",
                "Move it with ttnn.to_memory_config(tensor, ttnn.DRAM_MEMORY_CONFIG).",
            )
    memory = q.memory_config()
    if memory.is_sharded():
        if memory.memory_layout is not TensorMemoryLayout.HEIGHT_SHARDED:
            raise OperationRefused(
                "Q tensor memory layout must be HEIGHT_SHARDED when sharded but got "
                f"TensorMemoryLayout::{memory.memory_layout.name}",
                "Shard it by height, one user a core.",
            )
    elif memory.buffer_type is not BufferType.DRAM:
        raise OperationRefused(
            "Q tensor buffer type must be DRAM when not sharded but got "
            f"BufferType::{memory.buffer_type.name}",
            "Move it with ttnn.to_memory_config(tensor, ttnn.DRAM_MEMORY_CONFIG).",
        )
    for tensor in (q, k, v) if mask is None else (q, k, v, mask):
        if len(tensor.spec.shape) != 4:
            raise NotImitated(
                f"Operands have four dimensions, got {list(tensor.spec.shape)}.",
                "Reshape the query to [1, batch, heads, size].",
            )
    if q.layout is not Layout.TILE:
        if not memory.is_sharded():
            raise OperationRefused(
                "ROW_MAJOR Q is only supported when Q is HEIGHT_SHARDED in L1; interleaved "
                "ROW_MAJOR Q is not supported. Convert Q to TILE layout or shard it.",
                "Convert the tensor with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
            )
        raise NotImitated(
            "A query in rows.", "Convert the tensor with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT)."
        )
    return device


def check_shapes(q: Tensor, k: Tensor, v: Tensor) -> None:
    """Refuse shapes that don't go together.

    Raises:
        OperationRefused: see above.
        WouldCrash: there are no users or heads, or heads have no size.
        NotImitated: logical shapes differ where TTNN looks at padded ones.
    """
    (one, batch, heads, _), size = q.spec.shape, q.spec.padded_shape[3]
    if not (batch and heads and size):
        raise WouldCrash("No users, no heads, or heads of no size.", "Don't call it on them.")
    for name, tensor in (("K", k), ("V", v)):
        if tensor.spec.shape[0] != batch:
            raise OperationRefused(
                f"{name} tensor batch size ({tensor.spec.shape[0]}) must equal B ({batch})",
                "Give the query as [1, batch, heads, size].",
            )
        if tensor.spec.padded_shape[3] != size:
            raise OperationRefused(
                f"{name} tensor hidden dimension ({tensor.spec.padded_shape[3]}) must equal Q "
                f"tensor hidden dimension ({size})",
                "Make head sizes equal.",
            )
    if one != 1:
        raise OperationRefused(
            f"Q tensor batch size must be 1 for decode mode but got {one}",
            "Give the query as [1, batch, heads, size].",
        )
    if k.spec.padded_shape[2] != v.spec.padded_shape[2]:
        raise OperationRefused(
            "K and V tensors must have the same sequence length. "
            f"K: {k.spec.shape[2]}, V: {v.spec.shape[2]}",
            "Make the lengths equal.",
        )
    kv_heads = k.spec.shape[1]
    if kv_heads != v.spec.shape[1]:
        raise OperationRefused(
            "Flash decode expects K and V to have same number of heads, but got "
            f"{kv_heads} and {v.spec.shape[1]}",
            "Make the heads equal.",
        )
    if not kv_heads:
        raise OperationRefused("num_kv_heads must be > 0", "Give keys and values.")
    if kv_heads > 1 and q.dtype is not DataType.BFLOAT16:
        raise OperationRefused(
            f"GQA expects BFLOAT16 input tensor, but got DataType::{q.dtype.name}",
            "Convert the query with ttnn.typecast.",
        )
    if heads % kv_heads:
        raise OperationRefused(
            f"GQA expects Q to have a multiple of K heads, but got {heads} and {kv_heads}",
            "Repeat the keys and values.",
        )
    if not q.spec.shape[3] == k.spec.shape[3] == v.spec.shape[3] or k.spec.shape != v.spec.shape:
        raise NotImitated(
            "Head sizes or lengths that differ, though not in tiles.", "Make them equal."
        )


def check_mask(mask: Tensor, q: Tensor, k: Tensor) -> None:
    """Refuse masks that TTNN refuses, and those that it takes as if they were [., 1, heads, L].

    Raises:
        OperationRefused: other heads or another length; no float; row major.
        NotImitated: another batch, or a second dimension that is not 1.
    """
    shape, padded = mask.spec.shape, mask.spec.padded_shape
    if padded[2] != q.spec.padded_shape[2]:
        raise OperationRefused(
            f"Expect same number of padded heads in mask as in Q, got {padded[2]} and "
            f"{q.spec.padded_shape[2]}",
            "Give a mask of [1 or batch, 1, heads, length] in tiles.",
        )
    if shape[2] != q.spec.shape[2]:
        raise OperationRefused(
            f"Expect same number of heads in mask as in Q, got {shape[2]} and {q.spec.shape[2]}",
            "Give a mask of [1 or batch, 1, heads, length].",
        )
    if padded[3] != k.spec.padded_shape[2]:
        raise OperationRefused(
            f"Expect same sequence length in mask as in K, got {padded[3]} and "
            f"{k.spec.padded_shape[2]}",
            "Give a mask of [1 or batch, 1, heads, length].",
        )
    if mask.dtype not in _DTYPES:
        raise OperationRefused(
            f"Unsupported data type for mask tensor: DataType::{mask.dtype.name}.",
            "Convert it with ttnn.typecast.",
        )
    if shape[0] not in (1, q.spec.shape[1]) or shape[1] != 1 or shape[3] != k.spec.shape[2]:
        raise NotImitated(
            f"A mask of {list(shape)}.", "Give a mask of [1 or batch, 1, heads, length]."
        )


def check_work(q: Tensor, k: Tensor, config: SDPAProgramConfig | None, device: Device) -> None:
    """Refuse what does not divide among the cores.

    Raises:
        OperationRefused: chunks that don't fit the length, too few cores, or too many of a head.
    """
    length, given = k.spec.padded_shape[2], 0 if config is None else config.k_chunk_size
    chunk = given or min(_LARGEST_CHUNK, k.spec.shape[2] & -k.spec.shape[2])
    if chunk & (chunk - 1):
        raise OperationRefused(
            f"User provided k_chunk_size must be power of 2, got: {chunk}", "Give one, or 0."
        )
    if chunk % TILE_SIZE or not chunk:
        raise OperationRefused(
            f"Chunk size must be multiple of {TILE_SIZE}, but the maximum calculated k_chunk_size "
            f"is: {chunk}",
            "Make the length of the cache a multiple of 32.",
        )
    if length % chunk:
        raise OperationRefused(
            f"K sequence length must be multiple of chunk size, got: {length} and {chunk}",
            "Give a smaller k_chunk_size, or 0.",
        )
    granularity = min(q.spec.padded_shape[2] * chunk // TILE_SIZE**2, 8)
    if granularity & (granularity - 1):
        raise OperationRefused(
            f"MUL_BCAST_GRANULARITY ({granularity}) must be power of 2",
            "Split the heads of the query.",
        )
    whole = device.compute_with_storage_grid_size()
    most = whole.x * whole.y
    grid = whole if config is None else config.compute_with_storage_grid_size
    cores, batch = grid.x * grid.y, q.spec.shape[1]
    if cores > most:
        raise OperationRefused(
            f"Cores available ({cores}) exceeds grid size ({most})", "Use cores of the device."
        )
    if cores < batch:
        raise OperationRefused(
            f"Cores available ({cores}) must be >= batch size ({batch})", "Use more cores."
        )
    of_a_head = cores // (batch * k.spec.shape[1])
    if config is not None:
        if config.max_cores_per_head_batch < 1:
            raise OperationRefused("max_cores_per_head_batch must be > 0", "Leave it out.")
        of_a_head = min(of_a_head, config.max_cores_per_head_batch)
    if of_a_head > _MOST_CORES:
        raise OperationRefused(
            f"Tree reduction max 6 rounds ({_MOST_CORES} cores/head), got {of_a_head} cores/head",
            "Give a program_config, such as ttnn.SDPAProgramConfig(compute_with_storage_grid_size="
            "ttnn.CoreCoord(8, 8), q_chunk_size=0, k_chunk_size=0).",
        )


def check_output(memory_config: MemoryConfig | None, q: Tensor, kv_heads: int) -> None:
    """Refuse memory of the result that TTNN does not write.

    Raises:
        OperationRefused: sharded, with more than one head of keys, or not by height in L1.
        NotImitated: shards that are not one user's each.
    """
    if memory_config is None or not memory_config.is_sharded():
        return
    shards = memory_config.shard_spec
    if shards is None:
        raise OperationRefused("bad optional access", "Give the memory config its shards.")
    if memory_config.memory_layout is not TensorMemoryLayout.HEIGHT_SHARDED:
        raise OperationRefused(
            "Output memory config layout must be HEIGHT_SHARDED when sharded but got "
            f"TensorMemoryLayout::{memory_config.memory_layout.name}",
            "Shard it by height, or use interleaved memory.",
        )
    if kv_heads > 1:
        raise OperationRefused(
            "Sharded output not supported for GQA", "Use interleaved memory for the result."
        )
    if memory_config.buffer_type is not BufferType.L1:
        raise OperationRefused(
            "Only L1 buffers can have an associated circular buffer!", "Shard it in L1."
        )
    if shards.shape[0] != q.spec.padded_shape[2]:
        raise NotImitated(
            "Shards of the result that are not one user's each.",
            f"Give shards of {q.spec.padded_shape[2]} rows.",
        )


def last_keys(listed: Sequence[int], tensor: Tensor | None, k: Tensor) -> list[int]:
    """The position up to which each user attends; -1 for one that is left out.

    Args:
        listed: ``cur_pos``.
        tensor: ``cur_pos_tensor``, which counts where both are given.
        k: the keys, [B, kv_heads, L, size].

    Raises:
        OperationRefused: what TTNN refuses.
        WrongInTTNN: positions of a dtype that TTNN reads as another one, or past the cache.
        NotImitated: positions in shards.
    """
    batch, _, length, _ = k.spec.shape
    if any(position >= k.spec.padded_shape[2] for position in listed):
        raise OperationRefused(
            "cur_pos must be <= K sequence dim",
            f"Give positions below the length of the cache, {length}.",
        )
    if tensor is not None:
        _check_positions(tensor, batch)
        found = [int(position) for position in tensor.value.reshape(-1)[:batch].tolist()]
        found = [-1 if position == _SKIP else position for position in found]
    elif len(listed) < batch:
        raise OperationRefused(
            f"vector::_M_range_check: __n (which is {len(listed)}) >= this->size() (which is "
            f"{len(listed)})",
            "Give cur_pos or cur_pos_tensor, with a position for every user.",
        )
    else:
        found = [int(position) for position in listed[:batch]]
    for position in found:
        if not -1 <= position < length:
            raise WrongInTTNN(
                f"Position {position} is outside of the cache of length {length}.",
                "Attend to keys of the cache only; TTNN attends to what is behind them.",
                position=position,
                length=length,
            )
    return found


def _check_positions(tensor: Tensor, batch: int) -> None:
    shape = tensor.spec.padded_shape
    if tensor.is_sharded():
        raise NotImitated("Positions in shards.", "Give cur_pos_tensor as [batch] in DRAM.")
    if tensor.volume() != shape[-1]:
        raise OperationRefused(
            "cur_pos tensor must hold all positions in its last dim (e.g. [B] or [1, B]), got "
            f"shape Shape({list(shape)})",
            "Give it in rows, as [batch].",
        )
    if shape[-1] < batch:
        raise OperationRefused(
            f"cur_pos tensor must have at least one position per batch ({batch}), got shape "
            f"Shape({list(shape)})",
            "Give a position for every user.",
        )
    if tensor.dtype not in (DataType.INT32, DataType.UINT32):
        raise WrongInTTNN(
            f"Positions of {tensor.dtype.name}, which TTNN reads as integers of 32 bits.",
            "Make them with ttnn.from_torch(positions, dtype=ttnn.int32).",
        )


def attend_decode(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    last: Sequence[int],
    mask: Tensor | None,
    scale: float | None,
    window: int | None,
) -> torch.Tensor:
    """The result, [1, B, heads, size]: scores and sums are float32.

    Only keys that somebody attends to are read. Where the processor is fast at it, keys and values
    stay bfloat16 and weights are rounded to it, as on the chip: a cache is too large to convert at
    every token.

    Args:
        q: [1, B, heads, size].
        k: [B, kv_heads, L, size].
        v: as the keys.
        last: of each user, the last key; -1 gives zeros.
        mask: [1 or B, 1, heads, L], added to the scores.
        scale: of the scores; 1 / sqrt(size) if None.
        window: how many keys a user sees at most, the last one included.
    """
    _, batch, heads, size = q.spec.shape
    kv_heads = k.spec.shape[1]
    end = max(last) + 1
    if end == 0:
        return torch.zeros(1, batch, heads, size)
    first = [max(0, position + 1 - window) if window else 0 for position in last]
    start = min(f for f, position in zip(first, last, strict=True) if position >= 0)
    query = q.value.reshape(batch, kv_heads, heads // kv_heads, size)
    key, value = k.value[:, :, start:end], v.value[:, :, start:end]
    if q.dtype is not DataType.BFLOAT16 or not bf16_matmul_is_fast():
        query, key, value = (t.to(torch.float32) for t in (query, key, value))
    bias: torch.Tensor | None = None
    if mask is not None:
        bias = mask.value.to(torch.float32)[..., start:end]
        bias = bias.reshape(-1, kv_heads, heads // kv_heads, end - start)
    if min(last) + 1 < end or max(first) > start:
        unseen = _unseen(first, last, start, end)
        bias = unseen if bias is None else bias + unseen
    result = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=bias, scale=scale
    )
    if min(last) < 0:
        result[torch.tensor(last) < 0] = 0
    return result.reshape(1, batch, heads, size)


def _unseen(first: Sequence[int], last: Sequence[int], start: int, end: int) -> torch.Tensor:
    """-inf for the keys before the first or after the last of each user, [B, 1, 1, end - start]."""
    keys = torch.arange(start, end)
    outside = (keys < torch.tensor(first)[:, None]) | (keys > torch.tensor(last)[:, None])
    return torch.zeros(outside.shape).masked_fill(outside, float("-inf"))[:, None, None]
