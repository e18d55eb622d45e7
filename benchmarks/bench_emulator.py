"""Figure 2: a forward of the emulator against torch's own, in float32."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from measure import alternating, say
from vit_base import vit_base

from symbiote_core import accelerate
from symbiote_emulator.numerics.cpu import bf16_matmul_is_fast


@pytest.mark.parametrize("batch", [1, 4])
def test_vit_base_forward(emulator: Any, photograph: torch.Tensor, batch: int) -> None:
    model = vit_base()
    swapped = copy.deepcopy(model)
    accelerate(swapped, emulator, strict=True)
    pixels = photograph.expand(batch, -1, -1, -1).contiguous()
    emulated, eager = alternating(lambda: swapped(pixels), lambda: model(pixels), rounds=7)
    fast = bf16_matmul_is_fast()
    bound = 0.5 if fast else 1.25
    say(
        f"ViT-base forward, batch {batch}, emulator / torch float32 eager",
        f"{emulated / eager:.2f} ({emulated * 1e3:.0f} ms / {eager * 1e3:.0f} ms)",
        f"<= {bound}, as bfloat16 products are {'' if fast else 'not '}fast on this processor",
        "medians of 7 alternating forwards in one process",
    )
    assert emulated / eager <= bound
