"""Kernels whose calls TTNN refuses, and what becomes of the refusals."""

from __future__ import annotations

import warnings
from typing import Any

import attrs
import torch
from torch import nn

from symbiote_core import TTNNExecutionError, TTNNModule, report, set_device
from symbiote_core import register_module_replacement_dict as replace
from symbiote_ttnn import TTNNLinear, TTNNSilu, ttnn


class TTNNRowMajorLinear(TTNNLinear):
    """Its input is in the wrong layout."""

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        return self.upload(tensor, layout=ttnn.ROW_MAJOR_LAYOUT)


class TTNNShortMask(TTNNLinear):
    """Its mask has one row instead of one for each token."""

    def forward(self, tokens: Any) -> Any:
        length, width = tuple(tokens.shape)
        heads = ttnn.reshape(tokens, (1, 1, length, width))
        mask = self.upload(torch.zeros(1, 1, 1, length))
        return ttnn.transformer.scaled_dot_product_attention(
            heads, heads, heads, attn_mask=mask, is_causal=False
        )


class TTNNGreedyLinear(TTNNLinear):
    """It wants 32 GiB at once, which no mock chip has left beside its weights."""

    def forward(self, tokens: Any) -> Any:
        return ttnn.empty(
            [2**17, 2**17], dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=self.device
        )


class TTNNHastySilu(TTNNSilu):
    """It frees its input before the last use; TTNN itself would crash."""

    def forward(self, tokens: Any) -> Any:
        ttnn.deallocate(tokens)
        return super().forward.__wrapped__(self, tokens)


REFUSED: dict[str, type[TTNNModule]] = {
    "layout": TTNNRowMajorLinear,
    "mask": TTNNShortMask,
    "memory": TTNNGreedyLinear,
    "freed": TTNNHastySilu,
}


def refuse(kernel: type[TTNNModule], device: Any) -> dict[str, Any]:
    """Call the kernel strictly and not, as the only one in a model."""
    layer = nn.SiLU() if kernel is TTNNHastySilu else nn.Linear(64, 64)
    model = nn.Sequential(layer).eval()
    replace(model, {type(layer): kernel})
    set_device(model, device)
    values = torch.randn(64, 64)
    told: dict[str, Any] = {}
    [module] = [m for m in model.modules() if isinstance(m, TTNNModule)]
    module._symbiote.strict = True
    try:
        model(values)
    except TTNNExecutionError as error:
        told["error"], told["strict event"] = str(error), attrs.asdict(error.event)
    module._symbiote.strict = False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        told["right"] = torch.equal(model(values), layer(values))
    told["warnings"] = [str(w.message) for w in caught]
    told["events"] = [attrs.asdict(e) for e in report(model).events]
    return told
