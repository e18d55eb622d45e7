"""OWL-ViT with seeded weights, in the sizes of owlvit-base-patch32 and owlvit-large-patch14."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import OwlViTConfig, OwlViTForObjectDetection

LARGE: dict[str, Any] = {
    "text_config": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
    "vision_config": {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 840,
        "patch_size": 14,
    },
    "projection_dim": 768,
}
"""The sizes of owlvit-large-patch14; those of owlvit-base-patch32 are transformers' defaults."""


def seeded(model: nn.Module) -> Any:
    """Give a model weights of a trained one's size, the same every time, and set it to eval mode.

    What transformers starts with hides mistakes, as zeros and ones, or saturates the boxes.
    """
    generator = torch.Generator().manual_seed(0)

    def normal(parameter: torch.Tensor, mean: float, deviation: float) -> None:
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * deviation + mean)

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "layer_norm" in name or "layernorm" in name:
                normal(parameter, 1.0 if name.endswith("weight") else 0.0, 0.1)
            elif "embedding" in name and "patch" not in name:
                normal(parameter, 0.0, 0.3)
            elif parameter.ndim > 1:
                normal(parameter, 0.0, parameter[0].numel() ** -0.5)
            elif parameter.ndim == 1:
                normal(parameter, 0.0, 0.1)
    return model.eval()


def owlvit_base(**changes: Any) -> Any:
    """A detector of owlvit-base-patch32's size, 153 M parameters."""
    return seeded(OwlViTForObjectDetection(OwlViTConfig(**changes)))


def queries(count: int, length: int = 16, last: int = 49407, seed: int = 1) -> torch.Tensor:
    """Ids [count, length]: a first token, some of the vocabulary, the last one, then zeros.

    The texts end at different places, as those of a tokenizer do.
    """
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, last - 1, (count, length), generator=generator)
    ids[:, 0] = last - 1
    for row in range(count):
        end = 2 + row % (length - 2)
        ids[row, end] = last
        ids[row, end + 1 :] = 0
    return ids
