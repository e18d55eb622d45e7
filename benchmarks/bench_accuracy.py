"""Figure 1: the swapped ViT-base against float32 torch on a real photograph."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from measure import say
from vit_base import vit_base

from symbiote_core import accelerate, gain, pcc, relative_rms


@pytest.mark.parametrize(("weights", "bound"), [("bfloat16", 0.999), ("bfloat8_b", 0.99)])
def test_logits_of_vit_base(
    emulator: Any, photograph: torch.Tensor, weights: str, bound: float
) -> None:
    model = vit_base()
    expected = model(photograph).logits
    accelerate(model, emulator, strict=True, model_config={"weights": weights})
    actual = model(photograph).logits
    same = len(set(expected.topk(5).indices[0].tolist()) & set(actual.topk(5).indices[0].tolist()))
    value = pcc(expected, actual)
    say(
        f"ViT-base logits, {weights} weights",
        f"PCC {value:.6f}, relative RMS {relative_rms(expected, actual):.4f}, gain "
        f"{gain(expected, actual):.4f}, {same} of the top five classes",
        f"PCC >= {bound}",
        "emulator against float32 torch, seeded weights, scikit-learn's china.jpg at 224 x 224",
    )
    assert value >= bound
