"""ViT-base with seeded weights."""

from __future__ import annotations

from typing import Any

import torch
from transformers import ViTConfig, ViTForImageClassification


def vit_base(**changes: Any) -> Any:
    """ViT-base, 86 M parameters, with seeded weights of a trained model's size."""
    torch.manual_seed(0)
    config = ViTConfig(num_labels=1000, **changes)
    model = ViTForImageClassification(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.02)
            elif "layernorm" in name:
                parameter.normal_(1, 0.1)
            elif parameter.ndim == 2:
                # Twice the initial range: attention and logits are then far from uniform.
                parameter.mul_(2)
    return model
