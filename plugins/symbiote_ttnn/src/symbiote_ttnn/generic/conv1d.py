"""GPT-2's linear layer, whose weight lies the other way round."""

from __future__ import annotations

from typing import Any

from torch import nn

from symbiote_ttnn.kernels.conversion import tile
from symbiote_ttnn.kernels.linear import TTNNLinear

CONV1D = "transformers.pytorch_utils.Conv1D"
"""The class, by name: nothing is imported."""


def is_conv1d(module: nn.Module) -> bool:
    """Whether it is transformers' ``Conv1D``."""
    cls = type(module)
    return f"{cls.__module__}.{cls.__qualname__}" == CONV1D


class TTNNConv1D(TTNNLinear):
    """transformers' ``Conv1D``, a linear layer with a weight [K, N]: [..., K] → [..., N]."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Weights of two dimensions, of any size but zero."""
        shape = tuple(torch_layer.weight.shape)
        if len(shape) != 2 or 0 in shape:
            return f"its weight {list(shape)} is no matrix, or empty"
        return None

    def preprocess_weights_impl(self) -> None:
        """Convert weight and bias; TTNN multiplies with the weight as it lies."""
        layer = self.torch_layer
        self.tt_weight = tile(layer.weight, self.weight_dtype)
        self.tt_bias = tile(layer.bias.reshape(1, -1))
