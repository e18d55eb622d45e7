"""Forwards of ViT-base under tt-symbiote on the mock chip that the environment names.

Run by bench_incumbent.py with the interpreter of another venv, and answers as turns.py says.
"""

from __future__ import annotations

import sys
import warnings

import torch
import ttnn
from torch import nn
from tt_symbiote import register_modules, set_device
from tt_symbiote.modules.ttnn_linear import TTNNLinear
from tt_symbiote.modules.ttnn_normalization import TTNNLayerNorm
from turns import answer
from vit_base import vit_base

RECIPE = {nn.Linear: TTNNLinear, nn.LayerNorm: TTNNLayerNorm}
"""Its quick start, and the coarsest that works: its attention for ViT reads the attribute names of
transformers 4, which it does not install beside. On an N150 it leaves the norms to torch."""

if __name__ == "__main__":
    warnings.filterwarnings("error", "TTNN forward failed")  # what is timed runs on TTNN
    swapped, device = vit_base(), ttnn.open_device(device_id=0)
    register_modules(swapped, RECIPE)
    set_device(swapped, device)
    linears = sum(isinstance(module, TTNNLinear) for module in swapped.vit.layers[0].mlp.children())
    assert linears == 2, swapped
    pixels = torch.randn(1, 3, 224, 224)
    answer(lambda: swapped(pixels).logits, None, sys.stdout)
