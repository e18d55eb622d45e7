"""Scaled dot product attention of device tensors, whatever their head size and length."""

from __future__ import annotations

from typing import Any

from symbiote_core import UnsupportedInputError
from symbiote_ttnn.late import ttnn

TILE_WIDTH = 32
"""Width of a TTNN tile; TTNN attends to heads of whole tiles."""


def attend(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Any:
    """What ``torch.nn.functional.scaled_dot_product_attention`` computes, on the device.

    Args:
        query: [B, heads, Sq, size], in TILE layout.
        key: [B, kv_heads, Sk, size]; ``heads`` is a multiple of ``kv_heads``.
        value: as the key, of any size of its own.
        mask: added to the scores, [1 or B, 1 or heads, Sq, Sk] in bfloat16, nowhere less than
            `masks.HIDDEN`; not with ``is_causal``.
        is_causal: a query sees the keys up to its own place alone.
        scale: what scores are multiplied with; 1/sqrt(size) if None.

    Returns:
        [B, heads, Sq, size of the value], of the query's dtype.

    Raises:
        UnsupportedInputError: for causal attention of more queries than keys.
    """
    size, value_size = int(query.shape[3]), int(value.shape[3])
    queries, keys = int(query.shape[2]), int(key.shape[2])
    if is_causal and queries != keys:
        if queries > keys:
            raise UnsupportedInputError(f"{queries} queries look back at no more than {keys} keys")
        key, value = (_first(tensor, queries) for tensor in (key, value))
    whole = -(-max(size, value_size) // TILE_WIDTH) * TILE_WIDTH
    dtype = query.dtype
    config = ttnn.init_device_compute_kernel_config(
        query.device().arch(),
        math_fidelity=ttnn.MathFidelity.HiFi4,
        math_approx_mode=False,
        fp32_dest_acc_en=True,
        packer_l1_acc=True,
    )
    out = ttnn.transformer.scaled_dot_product_attention(
        *(_widened(_in_bfloat16(tensor), whole) for tensor in (query, key, value)),
        attn_mask=mask,
        is_causal=is_causal,
        scale=size**-0.5 if scale is None else scale,
        compute_kernel_config=config,
    )
    if whole != value_size:
        batch, heads, length, _ = tuple(out.shape)
        out = ttnn.slice(out, [0, 0, 0, 0], [batch, heads, length, value_size])
    return out if dtype == out.dtype else ttnn.typecast(out, dtype)


def _first(tensor: Any, tokens: int) -> Any:
    batch, heads, _, size = tuple(tensor.shape)
    return ttnn.slice(tensor, [0, 0, 0, 0], [batch, heads, tokens, size])


def _in_bfloat16(tensor: Any) -> Any:
    """TTNN's attention takes no float32."""
    return ttnn.typecast(tensor, ttnn.bfloat16) if tensor.dtype == ttnn.float32 else tensor


def _widened(tensor: Any, size: int) -> Any:
    """With zeros behind each row: they change no score, and are cut off the result."""
    more = size - int(tensor.shape[3])
    return ttnn.pad(tensor, [(0, 0), (0, 0), (0, 0), (0, more)], 0.0) if more else tensor
