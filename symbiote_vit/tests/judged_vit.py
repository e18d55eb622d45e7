"""The kernels for ViT's modules with what they stand for and meet in ViT-base and ViT-large."""

from __future__ import annotations

from typing import Any

import torch
from judged_kernels import MATMUL, NORM, Geometry
from torch import nn
from transformers import ViTConfig, ViTModel
from transformers.models.vit import modeling_vit

from symbiote_vit import TTNNViTEmbeddings, TTNNViTLayer, TTNNViTPooler, TTNNViTSelfAttention

ADD = "BinaryNgDeviceOperation"
HEADS = ("NlpCreateHeadsDeviceOperation", "SDPAOperation")

KERNELS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "ViTEmbeddings": (TTNNViTEmbeddings, (MATMUL, ADD)),
    "ViTLayer": (
        TTNNViTLayer,
        (NORM, MATMUL, *HEADS, MATMUL, ADD, NORM, MATMUL, MATMUL, ADD),
    ),
    "ViTPooler": (TTNNViTPooler, ("SliceDeviceOperation", MATMUL)),
    # transformers 5, with the projection that follows, and 4.57, without it
    "ViTAttention": (TTNNViTSelfAttention, (MATMUL, *HEADS, MATMUL)),
    "ViTSelfAttention": (TTNNViTSelfAttention, (MATMUL, *HEADS)),
}
"""Kernel and device operations by the class of the module."""

NAMES = tuple(name for name in KERNELS if hasattr(modeling_vit, name))
if "ViTSelfAttention" in NAMES:
    NAMES = tuple(name for name in NAMES if name != "ViTAttention")  # which only wraps it


def vit_modules(geometry: Geometry) -> dict[str, nn.Module]:
    """A module of each kind, by its class, from a ViT of one layer."""
    config = ViTConfig(
        hidden_size=geometry.width,
        num_attention_heads=geometry.heads,
        intermediate_size=geometry.mlp,
        num_hidden_layers=1,
    )
    found = {type(m).__name__: m for m in ViTModel(config).eval().modules()}
    return {name: found[name] for name in NAMES}


def vit_input(name: str, geometry: Geometry) -> torch.Tensor:
    """Pixels for the embeddings, else tokens."""
    if name == "ViTEmbeddings":
        return torch.randn(geometry.batch, 3, 224, 224)
    return torch.randn(geometry.batch, geometry.tokens, geometry.width)
