"""The encoder that bench_mock.py measures against does all of ViT's work: on the emulator."""

from __future__ import annotations

from typing import Any

import torch
from hand_written import HandWrittenViT
from measure import say
from vit_base import vit_base

from symbiote_core import pcc, runtime_of


def test_the_hand_written_encoder_computes_vit(emulator: Any, photograph: torch.Tensor) -> None:
    model = vit_base(num_hidden_layers=2)
    hand = HandWrittenViT(model, runtime_of(emulator).ttnn, emulator)
    value = pcc(model(photograph).logits, hand(photograph))
    say(
        "logits of a ViT of two layers written by hand in TTNN",
        f"PCC {value:.6f}",
        "PCC >= 0.999",
        "emulator against float32 torch, seeded weights, scikit-learn's china.jpg at 224 x 224",
    )
    assert value >= 0.999
