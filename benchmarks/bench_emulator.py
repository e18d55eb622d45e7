"""Figure 2: a forward of the emulator against torch's own, in float32."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from measure import alternating, say
from vit_base import vit_base

from symbiote_core import accelerate


def product_times() -> tuple[float, float]:
    """Seconds of torch's bfloat16 and float32 product of a ViT-base MLP."""
    a, b = torch.randn(197, 768), torch.randn(768, 3072)
    half_a, half_b = a.bfloat16(), b.bfloat16()
    return alternating(lambda: half_a @ half_b, lambda: a @ b, rounds=31)


@pytest.mark.parametrize("batch", [1, 4])
def test_vit_base_forward(emulator: Any, photograph: torch.Tensor, batch: int) -> None:
    model = vit_base()
    swapped = copy.deepcopy(model)
    accelerate(swapped, emulator, strict=True)
    pixels = photograph.expand(batch, -1, -1, -1).contiguous()
    emulated, eager = alternating(lambda: swapped(pixels), lambda: model(pixels), rounds=7)
    bf16, fp32 = product_times()
    bound = 0.5 if bf16 <= 0.5 * fp32 else 1.25
    say(
        f"ViT-base forward, batch {batch}, emulator / torch float32 eager",
        f"{emulated / eager:.2f} ({emulated * 1e3:.0f} ms / {eager * 1e3:.0f} ms)",
        f"<= {bound}: 0.5 where this processor multiplies bfloat16 twice as fast, else 1.25",
        "medians of 7 alternating forwards in one process; here torch's bfloat16 product takes "
        f"{bf16 / fp32:.2f} of its float32 one",
    )
    assert emulated / eager <= bound
