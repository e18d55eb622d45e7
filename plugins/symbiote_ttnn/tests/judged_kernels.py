"""Every kernel with the torch module and the input it meets in ViT-base and ViT-large.

The programs that run on a mock chip, and the tests that know what to expect, share this table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import torch
from torch import nn

import symbiote_ttnn
from symbiote_core import TTNNModule
from symbiote_ttnn import AttentionLayers, TTNNKernel, TTNNPatchEmbedding, TTNNSelfAttention

MATMUL = "MatmulDeviceOperation"
NORM = "LayerNormDeviceOperation"
UNARY = "UnaryDeviceOperation"
BINARY = "BinaryNgDeviceOperation"


@attrs.frozen
class Geometry:
    """The sizes of a ViT: width, heads, width of the MLP; images of 224 x 224, patches of 16."""

    width: int
    heads: int
    mlp: int
    tokens: int = 197
    batch: int = 1


GEOMETRIES = {"base": Geometry(768, 12, 3072), "large": Geometry(1024, 16, 4096)}


class Attention(nn.Module):
    """The layers of a self-attention; its forward gives zeros of the right shape."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.heads = heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)


class TTNNAttention(TTNNSelfAttention):
    """The kernel for it."""

    @classmethod
    def layers_of(cls, torch_layer: Any) -> AttentionLayers:
        width = torch_layer.query.in_features
        return AttentionLayers(
            torch_layer.query,
            torch_layer.key,
            torch_layer.value,
            torch_layer.heads,
            width // torch_layer.heads,
            torch_layer.out,
        )


class QuickGelu(nn.Module):
    """Gelu as OpenAI's CLIP approximates it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


class Patches(nn.Module):
    """A patch embedding as transformers has it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, width, 16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.projection(x).flatten(2).transpose(1, 2)


@attrs.frozen
class Case:
    """A kernel at work.

    Attributes:
        kernel: the class.
        layer: makes the torch module that it stands for.
        operations: the device operations of one call.
        values: makes the input from a geometry, or several in a tuple; tokens by default.
        frees: whether the kernel frees its weights after each call.
    """

    kernel: type[TTNNModule]
    layer: Callable[[Geometry], nn.Module]
    operations: tuple[str, ...]
    values: Callable[[Geometry], Any] = lambda g: torch.randn(g.batch, g.tokens, g.width)
    frees: bool = False


def _widening(g: Geometry) -> nn.Module:
    return nn.Linear(g.width, g.mlp)


def _widened(g: Geometry) -> torch.Tensor:
    return torch.randn(g.batch, g.tokens, g.mlp)


def _of(name: str, *rest: Any, **other: Any) -> Case:
    return Case(getattr(symbiote_ttnn, name), *rest, **other)


CASES = {
    "TTNNLinear": _of("TTNNLinear", _widening, (MATMUL,)),
    "TTNNLinearGelu": _of("TTNNLinearGelu", _widening, (MATMUL,)),
    "TTNNLinearRelu": _of("TTNNLinearRelu", _widening, (MATMUL,)),
    "TTNNLinearSilu": _of("TTNNLinearSilu", _widening, (MATMUL,)),
    "TTNNLinearTanh": _of("TTNNLinearTanh", _widening, (MATMUL,)),
    "TTNNLinearLLama": _of("TTNNLinearLLama", _widening, (MATMUL,), frees=True),
    "TTNNLinearLLamaBFloat16": _of("TTNNLinearLLamaBFloat16", _widening, (MATMUL,), frees=True),
    "TTNNLayerNorm": _of("TTNNLayerNorm", lambda g: nn.LayerNorm(g.width, 1e-12), (NORM,)),
    "TTNNRMSNorm": _of("TTNNRMSNorm", lambda g: nn.RMSNorm(g.width, 1e-6), (NORM,)),
    "TTNNEmbedding": _of(
        "TTNNEmbedding",
        lambda g: nn.Embedding(g.tokens, g.width),
        ("EmbeddingsDeviceOperation", "TilizeWithValPaddingDeviceOperation"),
        lambda g: torch.arange(g.tokens).repeat(g.batch, 1),
    ),
    "TTNNGelu": _of("TTNNGelu", lambda g: nn.GELU(), (UNARY,), _widened),
    "TTNNGelu, tanh": _of("TTNNGelu", lambda g: nn.GELU(approximate="tanh"), (UNARY,), _widened),
    "TTNNQuickGelu": _of("TTNNQuickGelu", lambda g: QuickGelu(), (BINARY,), _widened),
    "TTNNSilu": _of("TTNNSilu", lambda g: nn.SiLU(), (UNARY,), _widened),
    "TTNNReLU": _of("TTNNReLU", lambda g: nn.ReLU(), (UNARY,), _widened),
    "TTNNTanh": _of("TTNNTanh", lambda g: nn.Tanh(), (UNARY,), _widened),
    "TTNNSelfAttention": Case(
        TTNNAttention,
        lambda g: Attention(g.width, g.heads),
        (MATMUL, "NlpCreateHeadsDeviceOperation", "SDPAOperation", MATMUL),
    ),
    "TTNNPatchEmbedding": Case(
        TTNNPatchEmbedding,
        lambda g: Patches(g.width),
        (MATMUL,),
        lambda g: torch.randn(g.batch, 3, 224, 224),
    ),
}


def kernels_of(package: Any) -> set[type[TTNNModule]]:
    """The kernels that a package offers."""
    offered = (getattr(package, name) for name in package.__all__)
    return {
        value
        for value in offered
        if isinstance(value, type) and issubclass(value, TTNNModule) and value is not TTNNKernel
    }
