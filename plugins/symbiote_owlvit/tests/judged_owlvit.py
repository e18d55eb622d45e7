"""The kernels for OWL-ViT's modules with what they stand for and meet in released sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import torch
from judged_kernels import MATMUL, NORM
from owlvit_base import LARGE, queries
from torch import nn
from transformers import OwlViTConfig, OwlViTForObjectDetection

from symbiote_owlvit import (
    TTNNOwlViTAttention,
    TTNNOwlViTBoxHead,
    TTNNOwlViTClassHead,
    TTNNOwlViTLayer,
    TTNNOwlViTProjection,
    TTNNOwlViTTextEmbeddings,
    TTNNOwlViTVisionEmbeddings,
)

ADD = MULTIPLY = "BinaryNgDeviceOperation"
HEADS = ("NlpCreateHeadsDeviceOperation", "SDPAOperation")
MASKED_HEADS = ("NlpCreateHeadsDeviceOperation", ADD, "SDPAOperation")
"""TTNN makes whole tiles of a mask that is none."""


def layer(heads: tuple[str, ...]) -> tuple[str, ...]:
    """The operations of an encoder layer: ten, if nothing is masked."""
    return (NORM, MATMUL, *heads, MATMUL, ADD, NORM, MATMUL, MATMUL, ADD)


SIZES: dict[str, Any] = {
    "base": OwlViTConfig(),
    "large": OwlViTConfig(**LARGE),
}
QUERIES, LENGTH = 4, 16


@attrs.frozen
class Case:
    """A kernel at work.

    Attributes:
        kernel: the class.
        path: where its module stands in a detector of one layer a tower.
        values: makes its inputs from a configuration.
        operations: the device operations of one call.
    """

    kernel: Any
    path: str
    values: Callable[[Any], Any]
    operations: tuple[str, ...]


def _tokens(config: Any) -> torch.Tensor:
    vision = config.vision_config
    return torch.randn(1, 1 + _patches(vision), vision.hidden_size)


def _patches(vision: Any) -> int:
    return int((vision.image_size // vision.patch_size) ** 2)


def _features(config: Any) -> torch.Tensor:
    return _tokens(config)[:, 1:].contiguous()


def _words(config: Any) -> torch.Tensor:
    return torch.randn(QUERIES, LENGTH, config.text_config.hidden_size)


def _masked_words(config: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Words, and a mask as torch code makes it: causal, and with padding."""
    seen = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril().repeat(QUERIES, 1, 1, 1)
    seen[1, :, :, LENGTH // 2 :] = False
    return _words(config), seen


def _queries(config: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    wanted = torch.randn(1, QUERIES, config.projection_dim)
    return _features(config), wanted, torch.ones(1, QUERIES, dtype=torch.bool)


CASES = {
    "vision embeddings": Case(
        TTNNOwlViTVisionEmbeddings,
        "owlvit.vision_model.embeddings",
        lambda c: torch.randn(1, 3, c.vision_config.image_size, c.vision_config.image_size),
        (MATMUL, ADD),
    ),
    "text embeddings": Case(
        TTNNOwlViTTextEmbeddings,
        "owlvit.text_model.embeddings",
        lambda c: queries(QUERIES, LENGTH),
        ("EmbeddingsDeviceOperation", "TilizeWithValPaddingDeviceOperation", ADD),
    ),
    "vision layer": Case(
        TTNNOwlViTLayer,
        "owlvit.vision_model.encoder.layers.0",
        lambda c: (_tokens(c), None),
        layer(HEADS),
    ),
    "text layer": Case(
        TTNNOwlViTLayer,
        "owlvit.text_model.encoder.layers.0",
        _masked_words,
        layer(MASKED_HEADS),
    ),
    "attention": Case(
        TTNNOwlViTAttention,
        "owlvit.vision_model.encoder.layers.0.self_attn",
        _tokens,
        (MATMUL, *HEADS, MATMUL),
    ),
    "projection": Case(
        TTNNOwlViTProjection,
        "owlvit.text_projection",
        lambda c: torch.randn(QUERIES, c.text_config.hidden_size),
        (MATMUL,),
    ),
    "class head": Case(
        TTNNOwlViTClassHead,
        "class_head",
        _queries,
        (MATMUL, NORM, NORM, MATMUL, MATMUL, ADD, MATMUL, MULTIPLY),
    ),
    "class head without queries": Case(
        TTNNOwlViTClassHead, "class_head", lambda c: (_features(c), None, None), (MATMUL,)
    ),
    "box head": Case(TTNNOwlViTBoxHead, "box_head", _features, (MATMUL, MATMUL, MATMUL)),
}
"""Every kernel, with the inputs it meets."""


def detector(size: str) -> Any:
    """A detector of a size with one layer a tower, whose weights do not matter."""
    config = OwlViTConfig(**(SIZES[size].to_dict()))
    for tower in (config.text_config, config.vision_config):
        tower.num_hidden_layers = 1
    return OwlViTForObjectDetection(config).eval()


def module_of(model: Any, case: Case) -> nn.Module:
    """The torch module of a case."""
    found: nn.Module = model.get_submodule(case.path)
    return found
