"""Attention that torch code calls by itself."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import AtenHandler
from symbiote_ttnn.attend import attend
from symbiote_ttnn.late import ttnn
from symbiote_ttnn.masks import HIDDEN


def _attention(
    query: Any,
    key: Any,
    value: Any,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Any = None,
    scale: float | None = None,
) -> Any:
    if dropout_p or any(isinstance(t, torch.Tensor) for t in (query, key, value, attn_mask)):
        return NotImplemented
    if attn_mask is not None:
        given = tuple(attn_mask.shape)
        shape = (*(1,) * (4 - len(given)), *given)
        wanted = (*shape[:2], int(query.shape[2]), int(key.shape[2]))
        # Torch has minus infinity for what is hidden, which TTNN's kernels make NaN of.
        attn_mask = ttnn.clamp(ttnn.reshape(attn_mask, shape), HIDDEN)
        if shape != wanted:
            attn_mask = ttnn.expand(attn_mask, wanted)
    # The second result is for the backward pass.
    return attend(query, key, value, attn_mask, is_causal, scale), torch.empty(0)


def handlers() -> list[AtenHandler]:
    """The handlers of this file."""
    name = "aten._scaled_dot_product_flash_attention_for_cpu.default"
    return [AtenHandler(name, _attention)]
