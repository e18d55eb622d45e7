"""The kernels of this plugin pass the conformance kit, as those of others have to."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import torch
from judged_kernels import Patches
from torch import nn

from symbiote_conformance import KernelConformance, Subject, takes
from symbiote_ttnn import (
    AttentionLayers,
    TTNNLayerNorm,
    TTNNLinear,
    TTNNLinearGelu,
    TTNNLinearLLama,
    TTNNLinearLLamaBFloat16,
    TTNNLinearRelu,
    TTNNLinearSilu,
    TTNNLinearTanh,
    TTNNPatchEmbedding,
    TTNNSelfAttention,
)
from symbiote_ttnn.kernels.linear import ActivatedLinear

ACTIVATED = {
    "gelu": TTNNLinearGelu,
    "relu": TTNNLinearRelu,
    "silu": TTNNLinearSilu,
    "tanh": TTNNLinearTanh,
}


class Attention(nn.Module):
    """Self-attention of two heads of 32: [B, S, 64] → [B, S, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(64, 64) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        heads = [
            layer(x).unflatten(-1, (2, 32)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        ]
        attended = nn.functional.scaled_dot_product_attention(*heads)
        out: torch.Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return out


class TTNNAttention(TTNNSelfAttention):
    """The kernel for it."""

    @classmethod
    def layers_of(cls, torch_layer: Any) -> AttentionLayers:
        t = torch_layer
        return AttentionLayers(t.query, t.key, t.value, 2, 32, t.out)


def linear() -> nn.Module:
    return nn.Linear(64, 96)


def activated(name: str) -> nn.Module:
    return ActivatedLinear(nn.Linear(64, 96), name)


class TestKernels(KernelConformance):
    """Those that the plugin registers, and those that other plugins build theirs of."""

    plugin = "symbiote-ttnn"

    def subjects(self) -> Iterable[Subject]:
        tokens = [takes("B", "S", 64)]
        for name, fused in ACTIVATED.items():
            yield Subject(fused, functools.partial(activated, name), tokens)
        for freed in (TTNNLinearLLama, TTNNLinearLLamaBFloat16):
            yield Subject(freed, linear, tokens)
        for weights in ("bfloat8_b", "bfloat4_b", "float32"):
            config = {"weights": weights}
            yield Subject(TTNNLinear, linear, tokens, weights, model_config=config)
        config = {"deallocate_weights_after": True}
        yield Subject(TTNNLayerNorm, lambda: nn.LayerNorm(64), tokens, "freed", model_config=config)
        yield Subject(TTNNAttention, Attention, tokens)
        yield Subject(TTNNPatchEmbedding, lambda: Patches(64), [takes("B", 3, 48, 32)])
