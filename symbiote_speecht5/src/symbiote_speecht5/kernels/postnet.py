"""The decoder's postnet: convolutions that refine a spectrogram."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import TorchTTNNTensor
from symbiote_speecht5.kernels.convolution import (
    TTNNConvolution,
    TTNNRowConvolution,
    convolution_problem,
)
from symbiote_ttnn import TTNNOverSwapped, activation_name, called


class TTNNBatchNormConvolution(TTNNConvolution):
    """``SpeechT5BatchNormConvLayer``: [B, C, T] → [B, N, T], the batch norm folded."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Layers of a convolution, a batch norm with statistics, and a tanh or nothing."""
        for name in ("conv", "batch_norm", "activation"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        if torch_layer.batch_norm.running_var is None:
            return "its batch norm keeps no statistics"
        activation = torch_layer.activation
        if activation is not None and activation_name(activation) is None:
            return f"TTNN can't fuse {type(activation).__name__} into a linear"
        return convolution_problem(torch_layer.conv)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNBatchNormConvolution:
        """Build it for a ``SpeechT5BatchNormConvLayer``."""
        activation = torch_layer.activation
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.row_part = TTNNRowConvolution.of(
            torch_layer.conv,
            None if activation is None else activation_name(activation),
            torch_layer.batch_norm,
        )
        return module


class TTNNSpeechT5Postnet(TTNNOverSwapped):
    """``SpeechT5SpeechDecoderPostnet``: hidden states [B, S, D] → spectrograms and stop logits.

    The heads and the convolutions are swapped modules themselves. Between the convolutions nothing
    leaves the device. The refinement is added to the spectrogram on torch, where both go.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Postnets of the structure that transformers 4.57 to 5 have."""
        for name in ("feat_out", "prob_out", "layers", "postnet"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        return None

    def forward(self, hidden_states: torch.Tensor) -> Any:
        """Spectrograms before and after the convolutions, [B, S * r, bins], and [B, S * r]."""
        layer, batch = self.torch_layer, hidden_states.shape[0]
        before = layer.feat_out(hidden_states).view(batch, -1, layer.config.num_mel_bins)
        logits = layer.prob_out(hidden_states).view(batch, -1)
        return before, self.postnet(before), logits

    def postnet(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Refine spectrograms [B, T, bins], as generation asks for it."""
        layer = self.torch_layer
        ready = self.can_call(layer.layers, TTNNBatchNormConvolution)
        if self.training or not ready or hidden_states.requires_grad:
            refined: torch.Tensor = layer.postnet(hidden_states)
            return refined
        if isinstance(hidden_states, TorchTTNNTensor):
            hidden_states = hidden_states.to_torch
        try:
            return hidden_states + self._refinement(hidden_states)
        except Exception as error:  # torch's own way has the answer
            self.give_up(error, hidden_states)
            refined = layer.postnet(hidden_states)
            return refined

    def _refinement(self, hidden_states: torch.Tensor) -> torch.Tensor:
        rows = self.upload(hidden_states)
        for layer in self.torch_layer.layers:
            rows = called(layer, rows, as_rows=True)
        state = self._symbiote
        assert state.runtime is not None
        return state.activity.download(state.runtime, rows).to(hidden_states.dtype)
