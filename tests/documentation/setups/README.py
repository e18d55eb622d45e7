"""What the reader of README.md has: a model, inputs, a checkpoint, and no need of the output."""

from typing import Any

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, ViTConfig, ViTForImageClassification

import symbiote_core
from symbiote_core import restore

torch.set_grad_enabled(False)
sizes = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
}
model: Any = ViTForImageClassification(ViTConfig(image_size=32, patch_size=8, **sizes)).eval()
pixel_values = torch.randn(1, 3, 32, 32)

config = LlamaConfig(vocab_size=64, **sizes)
LlamaForCausalLM(config).save_pretrained("path/of/the/checkpoint")

_accelerate = symbiote_core.accelerate


def accelerate_alone(model: nn.Module, *args: Any, **options: Any) -> Any:
    """Swap a model as it was at first: the page shows one way after the other."""
    restore(model)
    return _accelerate(model, *args, **options)


symbiote_core.accelerate = accelerate_alone


def print(*_: Any) -> None:
    """Show nothing: the page does not either."""
