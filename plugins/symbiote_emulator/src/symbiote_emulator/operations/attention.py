"""Attention: splitting heads, attending, and putting heads together."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_emulator.errors import (
    IncompatibleArguments,
    NotImitated,
    OperationRefused,
    WouldCrash,
)
from symbiote_emulator.operations._cache import require_unsigned
from symbiote_emulator.operations._common import emit, require_device
from symbiote_emulator.operations._sdpa import attend, check_attention
from symbiote_emulator.operations.reshape import owned
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    TILE_SIZE,
    DataType,
    Layout,
    MemoryConfig,
    SDPAProgramConfig,
    ShardSpec,
    StorageType,
    TensorMemoryLayout,
    WormholeComputeKernelConfig,
)

_HEAD_DTYPES = (DataType.FLOAT32, DataType.BFLOAT16, DataType.BFLOAT8_B)


@operation("ttnn.transformer.split_query_key_value_and_split_heads")
def split_query_key_value_and_split_heads(
    input_tensor: Tensor,
    kv_input_tensor: Tensor | None = None,
    *,
    num_heads: int,
    num_kv_heads: int | None = None,
    transpose_key: bool = True,
    memory_config: MemoryConfig | None = None,
    use_falcon7b_backend: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Split a fused projection into heads.

    Args:
        input_tensor: [B, S, (heads + 2 * kv_heads) * size], or the query alone with
            ``kv_input_tensor`` [B, S, 2 * kv_heads * size].
        kv_input_tensor: keys and values side by side.
        num_heads: heads of the query.
        num_kv_heads: heads of key and value; as many as the query's if left out.
        transpose_key: give the key as [B, kv_heads, size, S].
        memory_config: output memory; that of the input if left out.
        use_falcon7b_backend: accepted.

    Returns:
        Query [B, heads, S, size], key and value [B, kv_heads, S, size].

    Raises:
        OperationRefused: another rank or layout, host tensors, heads that are no whole tiles.
    """
    del use_falcon7b_backend
    if num_heads < 0 or (num_kv_heads or 0) < 0:
        raise IncompatibleArguments
    x = input_tensor
    if x.storage_type() is not StorageType.DEVICE:
        raise OperationRefused(
            "Invalid storage type: input tensor must be on a device, but found "
            f"{x.storage_type().value}.",
            "Move the tensor with ttnn.to_device(tensor, device).",
        )
    for name, count in (("num_heads", num_heads), ("num_kv_heads", num_kv_heads)):
        if count == 0:
            raise OperationRefused(f"{name} must be greater than 0", "Pass the number of heads.")
    shape = x.spec.shape
    if len(shape) != 3:
        raise OperationRefused(
            f"Invalid input tensor: expected 3 dimensions, but found {len(shape)}.",
            "Reshape it to [batch, length, width].",
        )
    if x.layout is not Layout.TILE:
        raise OperationRefused(
            f"Invalid layout: input tensor must use TILE_LAYOUT, but found {x.layout.value}.",
            "Convert the tensor with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
        )
    if not x.is_allocated():
        raise OperationRefused("Tensor is not allocated", "Keep the tensor until its last use.")
    device = require_device(x)
    kv_heads = num_heads if num_kv_heads is None else num_kv_heads
    if kv_input_tensor is not None:
        _check_kv(x, kv_input_tensor, num_heads, kv_heads)
    size = _head_size(x, kv_input_tensor, num_heads, kv_heads)
    if x.dtype not in _HEAD_DTYPES:
        raise OperationRefused("Unsupported data format", "Convert it with ttnn.typecast.")
    memory = memory_config or x.memory_config()
    if x.is_sharded():
        _refuse_shards(x, memory)
    batch, length, _ = shape
    if kv_input_tensor is None:
        parts = torch.split(x.value, [num_heads * size, kv_heads * size, kv_heads * size], -1)
    else:
        both = torch.split(kv_input_tensor.value, kv_heads * size, -1)
        parts = (x.value, both[0], both[1])
    counts = (num_heads, kv_heads, kv_heads)
    heads = [
        part.reshape(batch, length, count, size).transpose(1, 2)
        for part, count in zip(parts, counts, strict=True)
    ]
    if transpose_key:
        heads[1] = heads[1].transpose(-1, -2)
    query, key, value = (
        emit(owned(h), device, dtype=x.dtype, layout=Layout.TILE, memory_config=memory)
        for h in heads
    )
    return query, key, value


def _refuse_shards(x: Tensor, memory: MemoryConfig) -> None:
    """TTNN takes blocks into rows of shards, which it chooses itself."""
    do = "Move it to interleaved memory with ttnn.to_memory_config."
    layout = x.memory_config().memory_layout
    if layout is not TensorMemoryLayout.BLOCK_SHARDED:
        raise OperationRefused(
            "Input tensor memory layout must be BLOCK_SHARDED but got "
            f"TensorMemoryLayout::{layout.name}",
            do,
        )
    if memory.memory_layout is not TensorMemoryLayout.HEIGHT_SHARDED:
        raise OperationRefused(
            "Output memory config layout must be HEIGHT_SHARDED but got "
            f"TensorMemoryLayout::{memory.memory_layout.name}",
            do,
        )
    raise NotImitated("The input is sharded.", do)


def _check_kv(x: Tensor, kv: Tensor, heads: int, kv_heads: int) -> None:
    require_device(kv)
    if kv.spec.shape[:2] != x.spec.shape[:2]:
        raise OperationRefused(
            f"Dimension mismatch: KV tensor sequence length ({kv.spec.shape[1]}) must match Q "
            f"tensor sequence length ({x.spec.shape[1]}).",
            "Reshape and permute the projections by themselves.",
        )
    if kv.dtype is not x.dtype:
        raise OperationRefused(
            "KV tensor dtype must be same as Q tensor dtype!", "Convert it with ttnn.typecast."
        )
    width, parts = kv.spec.shape[2], 2 * kv_heads
    if width % parts:
        raise OperationRefused(
            f"KV dimension ({width}) must be divisible by 2 * num_kv_heads ({parts}).",
            "Check num_kv_heads.",
        )
    if width // parts != x.spec.shape[2] // heads:
        raise OperationRefused(
            f"Dimension mismatch: KV head size ({width // parts}) must be equal to query head size "
            f"({x.spec.shape[2] // heads}).",
            "Check num_heads and num_kv_heads.",
        )


def _head_size(x: Tensor, kv: Tensor | None, heads: int, kv_heads: int) -> int:
    width = x.spec.shape[2]
    in_input = heads if kv is not None else heads + 2 * kv_heads
    if in_input > width:
        raise OperationRefused(
            f"{in_input} heads do not fit in the hidden dimension ({width})",
            "Check num_heads and num_kv_heads.",
        )
    size = width // in_input
    padded = x.spec.padded_shape[2]
    if size % TILE_SIZE or width % in_input or padded // in_input != size:
        raise OperationRefused(
            f"Invalid head size: {size}. The head size must be a multiple of the tile width "
            f"({TILE_SIZE}). Please adjust the dimensions accordingly.",
            "Pad the heads, or split them with reshape and permute.",
        )
    return size


@operation("ttnn.transformer.concatenate_heads")
def concatenate_heads(input_tensor: Tensor, *, memory_config: MemoryConfig | None = None) -> Tensor:
    """Put heads side by side: [B, heads, S, size] gives [B, S, heads * size].

    Args:
        input_tensor: tiles on the device.
        memory_config: output memory; that of the input if left out.

    Raises:
        OperationRefused: another rank or layout, host tensors, heads that are no whole tiles.
    """
    shape = input_tensor.spec.shape
    if len(shape) != 4:
        raise OperationRefused(
            f"Input tensor must have rank 4. Shape: {input_tensor.shape}",
            "Reshape it to [batch, heads, length, size].",
        )
    if shape[3] % TILE_SIZE:
        raise OperationRefused(
            f"Head size must be a multiple of {TILE_SIZE} but was found to be {shape[3]}. Update "
            "the matmul that uses the output of this operation to have padding in the weights!",
            "Pad the heads, or use permute and reshape.",
        )
    device = require_device(input_tensor)
    if input_tensor.layout is not Layout.TILE:
        raise OperationRefused(
            f"Input tensor layout must be TILE but got Layout::{input_tensor.layout.name}",
            "Convert the tensor with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
        )
    if input_tensor.dtype not in _HEAD_DTYPES:
        raise OperationRefused("Unsupported data format", "Convert it with ttnn.typecast.")
    if 0 in (shape[1], shape[3]):
        raise OperationRefused(
            "DataflowBufferSpec 'in0' has num_entries = 0. num_entries must be set to a non-zero "
            "value.",
            "Give heads that have elements.",
        )
    memory = _merged_memory(input_tensor, memory_config or input_tensor.memory_config())
    batch, heads, length, size = shape
    merged = owned(input_tensor.value.transpose(1, 2)).view(batch, length, heads * size)
    return emit(
        merged,
        device,
        dtype=input_tensor.dtype,
        layout=Layout.TILE,
        memory_config=memory,
    )


def _merged_memory(x: Tensor, asked: MemoryConfig) -> MemoryConfig:
    """The memory of heads side by side: a shard of n heads is n times as wide, and as high as one.

    Raises:
        OperationRefused: shards of columns or of parts of heads, a result in shards of rows, or
            one in shards of an input that has none.
        WouldCrash: shards that are lower than a head.
    """
    shards = x.memory_config().shard_spec
    if not asked.is_sharded():
        return asked
    do = "Pass an interleaved memory_config."
    if asked.memory_layout is TensorMemoryLayout.HEIGHT_SHARDED:
        raise OperationRefused("Output memory config layout must not be HEIGHT_SHARDED", do)
    if shards is None:
        raise OperationRefused("bad optional access", do)
    _check_head_shards(x, shards)
    height = x.spec.padded_shape[-2]
    heads = shards.shape[0] // height
    merged = ShardSpec(shards.grid, (height, shards.shape[1] * heads), shards.orientation)
    return MemoryConfig(asked.memory_layout, asked.buffer_type, merged)


def _check_head_shards(x: Tensor, shards: ShardSpec) -> None:
    do = "Move it to interleaved memory with ttnn.to_memory_config."
    layout = x.memory_config().memory_layout
    if layout is TensorMemoryLayout.WIDTH_SHARDED:
        raise OperationRefused(
            "Input tensor memory layout must not be WIDTH_SHARDED but got "
            f"TensorMemoryLayout::{layout.name}",
            do,
        )
    height, width = x.spec.padded_shape[-2:]
    if shards.shape[1] != width:
        raise OperationRefused(
            f"Input tensor shard width ({shards.shape[1]}) must equal padded width ({width})", do
        )
    heads, rest = divmod(shards.shape[0], height)
    if rest and heads:
        raise OperationRefused(
            f"Input tensor shard height ({shards.shape[0]}) must be divisible by padded height "
            f"({height})",
            do,
        )
    if not heads:
        raise WouldCrash("Shards that are lower than a head.", do)
    if x.spec.shape[1] % heads:
        raise OperationRefused(
            f"Input tensor padded height ({x.spec.shape[1]}) must be divisible by shard height",
            f"Give shards of so many heads that {x.spec.shape[1]} are whole shards.",
            heads=heads,
        )


@operation("ttnn.transformer.scaled_dot_product_attention")
def scaled_dot_product_attention(
    input_tensor_q: Tensor,
    input_tensor_k: Tensor,
    input_tensor_v: Tensor,
    *,
    attn_mask: Tensor | None = None,
    is_causal: bool = True,
    scale: float | None = None,
    sliding_window_size: int | None = None,
    memory_config: MemoryConfig | None = None,
    program_config: SDPAProgramConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    attention_sink: Tensor | None = None,
    cu_window_seqlens: Tensor | None = None,
    windowed_q_token_offset: int = 0,
    windowed_q_token_offset_tensor: Tensor | None = None,
    output_concat_heads: bool = False,
    attn_mask_block_map: Tensor | None = None,
) -> Tensor:
    """``softmax(scale * q @ k^T + mask) @ v``, rounded once.

    Args:
        input_tensor_q: [B, heads, Sq, size] tiles, BFLOAT16 or a block float.
        input_tensor_k: [B, kv_heads, Sk, size]; ``heads`` is a multiple of ``kv_heads``.
        input_tensor_v: as the key.
        attn_mask: [1 or B, 1 or heads, Sq, Sk] added to the scores; not with ``is_causal``.
        is_causal: every row sees the keys up to its own; needs Sq = Sk.
        scale: 1 / sqrt(size) if left out.
        sliding_window_size: how many keys a row sees at most, its own included; without
            ``is_causal``, half as many on each side of its own.
        memory_config: output memory, DRAM if left out.
        program_config: accepted.
        compute_kernel_config: accepted.
        attention_sink: not emulated.
        cu_window_seqlens: not emulated.
        windowed_q_token_offset: not emulated.
        windowed_q_token_offset_tensor: not emulated.
        output_concat_heads: give [B, 1, Sq, heads * size].
        attn_mask_block_map: not emulated.

    Raises:
        OperationRefused: what TTNN refuses, and options that are not emulated.
    """
    del program_config, compute_kernel_config
    unknown: dict[str, Any] = {
        "attention_sink": attention_sink,
        "cu_window_seqlens": cu_window_seqlens,
        "windowed_q_token_offset": windowed_q_token_offset or None,
        "windowed_q_token_offset_tensor": windowed_q_token_offset_tensor,
        "attn_mask_block_map": attn_mask_block_map,
    }
    for name, given in unknown.items():
        if given is not None:
            raise OperationRefused(
                f"The emulator does not have {name}.", "Leave it out, or use the mock or a chip."
            )
    require_unsigned(sliding_window_size)
    q, k, v = input_tensor_q, input_tensor_k, input_tensor_v
    device = check_attention(q, k, v, attn_mask, is_causal, sliding_window_size, memory_config)
    result = attend(q, k, v, attn_mask, is_causal, scale, sliding_window_size)
    if output_concat_heads:
        batch, heads, length, size = result.shape
        result = result.transpose(1, 2).reshape(batch, 1, length, heads * size)
    return emit(
        result.contiguous(),
        device,
        dtype=q.dtype,
        layout=Layout.TILE,
        memory_config=memory_config or DRAM_MEMORY_CONFIG,
    )
