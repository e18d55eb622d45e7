"""Forwards of ViT-base under the policy ``vit`` on the mock Wormhole; see turns.py.

Run by bench_incumbent.py. Tells the environment variables that make the mock chip.
"""

from __future__ import annotations

import os
import sys

import torch
from turns import answer
from vit_base import vit_base

from symbiote_core import accelerate, open_device

if __name__ == "__main__":
    device = open_device("mock:wormhole_b0")
    swapped = vit_base()
    accelerate(swapped, device, policy="vit", strict=True)
    pixels = torch.randn(1, 3, 224, 224)
    mock = {k: v for k, v in os.environ.items() if k.startswith(("TT_", "LOGURU_"))}
    answer(lambda: swapped(pixels).logits, mock, sys.stdout)
