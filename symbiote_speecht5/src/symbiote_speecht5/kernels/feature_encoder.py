"""The convolutions that cut speech into frames."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from symbiote_speecht5.kernels.convolution import (
    TTNNConvolution,
    TTNNRowConvolution,
    convolution_problem,
)
from symbiote_ttnn import TTNNLayerNorm, TTNNOverSwapped, activation_name, called, ttnn


class TTNNFeatureConvolution(TTNNConvolution):
    """``SpeechT5NoLayerNormConvLayer``: [B, C, T] → [B, N, T'], with its activation.

    Between the two, ``SpeechT5LayerNormConvLayer`` has a norm over the channels, which are rows.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Layers of a convolution, a layer norm or none, and an activation that TTNN fuses."""
        if not hasattr(torch_layer, "conv") or not hasattr(torch_layer, "activation"):
            return "it has no conv and activation"
        norm = getattr(torch_layer, "layer_norm", None)
        if norm is not None and not isinstance(norm, nn.LayerNorm):
            return f"its {type(norm).__name__} normalises over time, and TTNN over rows"
        if activation_name(torch_layer.activation) is None:
            return f"TTNN can't fuse {type(torch_layer.activation).__name__} into a linear"
        return convolution_problem(torch_layer.conv)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNFeatureConvolution:
        """Build it for a layer with a norm or without."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        norm = getattr(torch_layer, "layer_norm", None)
        module.function = activation_name(torch_layer.activation)
        fused = module.function if norm is None else None
        module.row_part = TTNNRowConvolution.of(torch_layer.conv, fused)
        module.norm_part = None if norm is None else TTNNLayerNorm.from_torch(norm)
        return module

    def on_rows(self, rows: Any) -> Any:
        """What is done with rows, [B, T, C] → [B, T', N]."""
        rows = self.row_part.written(rows)
        if self.norm_part is None:
            return rows
        return getattr(ttnn, self.function)(self.norm_part.written(rows))


class TTNNFeatureEncoder(TTNNOverSwapped):
    """``SpeechT5FeatureEncoder``: samples [B, T] → features [B, C, T'].

    The convolutions are swapped modules themselves, but for the first, which stays on torch.
    Behind the last that does, nothing leaves the device.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Encoders of the structure that transformers 4.57 to 5 have."""
        return None if hasattr(torch_layer, "conv_layers") else "it has no conv_layers"

    def forward(self, input_values: torch.Tensor) -> Any:
        """Run the convolutions; NotImplemented leaves the call to torch's ``forward``."""
        layers = list(self.torch_layer.conv_layers)
        kinds = [type(layer) is TTNNFeatureConvolution for layer in layers]
        first = len(kinds) - kinds[::-1].index(False) if False in kinds else 0
        if first == len(layers) or not self.can_call(layers[first:], TTNNFeatureConvolution):
            return NotImplemented
        hidden_states = input_values[:, None]
        for layer in layers[:first]:
            hidden_states = layer(hidden_states)
        try:
            rows = self.raw(hidden_states.transpose(1, 2))
            for layer in layers[first:]:
                rows = called(layer, rows, as_rows=True)
            return self.shown(ttnn.transpose(rows, 1, 2))
        except Exception as error:  # torch's forward has the answer
            return self.give_up(error, input_values)
