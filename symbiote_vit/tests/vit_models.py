"""Small ViTs with seeded weights, and how their outputs are compared."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    ViTConfig,
    ViTForImageClassification,
    ViTForMaskedImageModeling,
    ViTModel,
)

from symbiote_core import pcc, relative_rms

CLASSES = {
    "model": ViTModel,
    "classifier": ViTForImageClassification,
    "masked": ViTForMaskedImageModeling,
}


def config(**changes: Any) -> ViTConfig:
    """A ViT of two layers for images of 32 x 32 pixels: 16 patches, heads of 32."""
    values: dict[str, Any] = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 128,
        "image_size": 32,
        "patch_size": 8,
        "encoder_stride": 8,
        "num_labels": 10,
        # torch's default of 0.02 makes a small model nearly constant.
        "initializer_range": 0.2,
    }
    return ViTConfig(**(values | changes))


def build(kind: str = "classifier", **changes: Any) -> Any:
    """A model in eval mode; the same weights every time."""
    torch.manual_seed(0)
    model = CLASSES[kind](config(**changes)).eval()
    # transformers starts some parameters at zero, which would hide mistakes.
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any() or (parameter == 1).all():
                parameter += torch.randn_like(parameter) * 0.1
    return model


def images(batch: int = 2, size: tuple[int, int] = (32, 32), seed: int = 1) -> torch.Tensor:
    """Seeded pixel values [batch, 3, height, width]."""
    return torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(seed))


def assert_close(expected: torch.Tensor, actual: torch.Tensor, rms: float = 0.03) -> None:
    """Shape and dtype equal, correlation and scale kept."""
    assert type(actual) is torch.Tensor
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert expected.ndim == 0 or pcc(expected, actual) > 0.999
    assert relative_rms(expected, actual) < rms
