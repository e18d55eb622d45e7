"""Scaled dot product attention: what TTNN checks, and the values."""

from __future__ import annotations

import torch

from symbiote_emulator.device import Device
from symbiote_emulator.errors import NotImitated, OperationRefused
from symbiote_emulator.operations._common import require_device, require_tile
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import BufferType, DataType, MemoryConfig

_DTYPES = (DataType.BFLOAT16, DataType.BFLOAT8_B, DataType.BFLOAT4_B)


def check_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    window: int | None,
    memory_config: MemoryConfig | None,
) -> Device:
    """Refuse what TTNN refuses, in its order.

    Raises:
        OperationRefused: see above.
        NotImitated: a sliding window over different lengths.
    """
    device = require_device(q)
    require_device(k)
    require_device(v)
    for tensor in (q, k, v):
        if len(tensor.spec.shape) < 4:
            rank = len(tensor.spec.shape)
            raise OperationRefused(
                f"ShapeBase[] index out of range. 3 not in [-4, {rank})",
                "Give tensors of rank 4: [batch, heads, length, size].",
            )
        require_tile(tensor, "Inputs to SDPA must be tilized")
        if tensor.dtype not in _DTYPES:
            raise OperationRefused(
                "Data type of input tensor must be BFLOAT16, BFLOAT8_B, or BFLOAT4_B and is "
                f"DataType::{tensor.dtype.name}",
                "Convert it with ttnn.typecast.",
            )
        if tensor.is_sharded():
            raise OperationRefused(
                "Operands to SDPA need to be DRAM/L1 interleaved",
                "Move it with ttnn.to_memory_config.",
            )
        if tensor.spec.shape[3] != tensor.spec.padded_shape[3]:
            raise OperationRefused(
                "Padding is not supported on the head_dim dimension",
                "Pad the heads to a multiple of 32.",
            )
    _check_shapes(q.spec.shape, k.spec.shape, v.spec.shape)
    if is_causal and mask is not None:
        raise OperationRefused(
            "is_causal and attn_mask cannot both be present. Got is_causal: true, attn_mask: true",
            "Put the causal mask into attn_mask, or leave attn_mask out.",
        )
    if is_causal and q.spec.shape[2] != k.spec.shape[2]:
        raise OperationRefused(
            "Causal SDPA requires Q and K to have the same sequence length. Got Q: "
            f"{q.spec.shape[2]}, K: {k.spec.shape[2]}",
            "Use a mask and is_causal=False.",
        )
    if window and mask is not None:
        raise OperationRefused(
            "sliding_window_size and attn_mask cannot both be present; bake the sliding-window "
            "mask into attn_mask.",
            "Leave one of them out.",
        )
    if window and q.spec.shape[2] != k.spec.shape[2]:
        raise NotImitated(
            "A sliding window over queries and keys of different lengths.",
            "Put the window into attn_mask.",
        )
    if mask is not None:
        _check_mask(mask, q.spec.shape, k.spec.shape)
    if memory_config is not None and memory_config.is_sharded():
        raise OperationRefused("bad optional access", "Use interleaved memory for the output.")
    return device


def _check_shapes(q: tuple[int, ...], k: tuple[int, ...], v: tuple[int, ...]) -> None:
    if k[0] != q[0] or v[0] != q[0]:
        raise OperationRefused(
            f"K and V batch must match. Got K: {k[0]}, V: {v[0]}", "Make the batches equal."
        )
    if k[3] != q[3] or v[3] != q[3]:
        raise OperationRefused(
            f"K and V hidden dim must match. Got K: {k[3]}, V: {v[3]}", "Make head sizes equal."
        )
    if k[2] != v[2]:
        raise OperationRefused(
            f"K and V sequence length must match. Got K: {k[2]}, V: {v[2]}",
            "Make the lengths equal.",
        )
    if k[1] != v[1]:
        raise OperationRefused(
            f"K and V num_heads must match. Got K: {k[1]}, V: {v[1]}", "Make the heads equal."
        )
    if k[1] == 0 or q[1] < k[1] or q[1] % k[1]:
        raise OperationRefused(
            "Q num_heads must be >= K num_heads and divisible by K num_heads, and K num_heads "
            f"must be greater than 0. Got Q: {q[1]}, K: {k[1]}",
            "Repeat the keys and values.",
        )


def _check_mask(mask: Tensor, q: tuple[int, ...], k: tuple[int, ...]) -> None:
    require_device(mask)
    require_tile(mask, "When mask is provided to SDPA, it must be tilized")
    if mask.memory_config().buffer_type is not BufferType.DRAM:
        raise OperationRefused(
            "When mask is provided to SDPA, it must be in DRAM",
            "Move the mask with ttnn.to_memory_config(mask, ttnn.DRAM_MEMORY_CONFIG).",
        )
    if mask.dtype not in _DTYPES:
        raise OperationRefused(
            "When mask is provided to SDPA, it must be in BF16, BFP8, or BFP4 dataformat",
            "Convert it with ttnn.typecast.",
        )
    shape = mask.spec.shape
    if len(shape) < 4:
        raise OperationRefused(
            f"ShapeBase[] index out of range. 3 not in [-4, {len(shape)})",
            "Give a mask of rank 4: [1 or batch, 1 or heads, Sq, Sk].",
        )
    for index, allowed, name in ((0, q[0], "batch size"), (1, q[1], "num_heads")):
        if shape[index] not in (1, allowed):
            raise OperationRefused(
                f"Mask {name} must either be 1 (to be broadcasted) or must match Q",
                "Repeat the mask, or give it a dimension of 1.",
            )
    for index, wanted, name in ((2, q[2], "Q"), (3, k[2], "K")):
        if shape[index] != wanted:
            raise OperationRefused(
                f"Mask sequence length must match {name} sequence length",
                f"Give a mask of [1 or batch, 1 or heads, {q[2]}, {k[2]}].",
            )


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    is_causal: bool,
    scale: float | None,
    window: int | None,
) -> torch.Tensor:
    """The result in float32, [B, heads, Sq, size]."""
    query, key, value = (t.value.to(torch.float32) for t in (q, k, v))
    bias: torch.Tensor | None = None if mask is None else mask.value.to(torch.float32)
    if window:
        bias = _window(query.shape[2], key.shape[2], window, is_causal)
    return torch.nn.functional.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=bias,
        is_causal=is_causal and bias is None,
        scale=scale,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def _window(rows: int, columns: int, window: int, is_causal: bool) -> torch.Tensor:
    """What a row may see: the ``window`` keys up to its own, or half of them on each side."""
    distance = torch.arange(rows)[:, None] - torch.arange(columns)[None, :]
    causal = (distance >= 0) & (distance < window)
    seen = causal if is_causal else distance.abs() <= window // 2
    return torch.zeros(rows, columns).masked_fill(~seen, float("-inf"))
