"""A whole encoder layer: eight operations, and nothing leaves the device."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from symbiote_bert.masks import additive_mask
from symbiote_bert.structure import EncoderLayer, layer_problem
from symbiote_core import UnsupportedInputError
from symbiote_ttnn import (
    TTNNKernel,
    TTNNLayerNorm,
    TTNNLinear,
    TTNNSelfAttention,
    activation_name,
    ttnn,
)

REFUSED = ("past_key_values", "output_attentions")
"""Options of a ``BertLayer`` that change what it returns; so does a head mask (4.57)."""


class TTNNResidualNorm(TTNNLayerNorm):
    """``LayerNorm(x + residual)`` in one program: two of [..., D] → [..., D]."""

    def forward(self, input_tensor: Any, residual: Any = None) -> Any:
        """Add, if there is something to add, and normalise."""
        return ttnn.layer_norm(
            input_tensor,
            residual_input_tensor=residual,
            weight=self.tt_weight,
            bias=self.tt_bias,
            **self.launch,
        )


class TTNNBertLayer(TTNNKernel):
    """``BertLayer``: [B, S, D] → [B, S, D]; in 4.57 ([B, S, D], None), without attention weights.

    Attention (four operations), residual and norm, feed-forward (two), residual and norm. The
    activation is computed in the program of the first linear, the residuals in those of the norms.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Encoder layers with absolute positions."""
        return layer_problem(torch_layer)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNBertLayer:
        """Build it for a ``BertLayer``."""
        parts = EncoderLayer.of(torch_layer)
        module = cls()
        module._fallback_torch_layer = torch_layer
        # Layers that take a head mask (4.57) return attention weights too.
        takes = inspect.signature(torch_layer.forward).parameters
        module.returns_everything = "head_mask" not in takes
        module.self_attention = TTNNSelfAttention.from_layers(
            parts.attention, torch_layer.attention
        )
        module.norm_attention = TTNNResidualNorm.from_torch(parts.norm_attention)
        module.first = TTNNLinear.fused(parts.first, activation_name(parts.activation))
        module.second = TTNNLinear.fused(parts.second, None)
        module.norm_output = TTNNResidualNorm.from_torch(parts.norm_output)
        return module

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Upload the hidden states; what else there may be stays on the host."""
        if position in (0, "hidden_states"):
            return super().upload_input(tensor, position)
        return tensor

    def forward(
        self, hidden_states: Any, attention_mask: Any = None, *others: Any, **options: Any
    ) -> Any:
        """Run the layer.

        Args:
            hidden_states: [B, S, D] on the device.
            attention_mask: of torch code, [B, 1, 1 or S, S]; or on the device already, as
                `TTNNBertEncoder` passes it.
            *others: of torch code, none of them taken.
            **options: of torch code; those in `REFUSED` are not taken, others have no meaning here.

        Raises:
            UnsupportedInputError: for what is not taken, and for a mask that `additive_mask`
                refuses.
        """
        asked = [name for name in REFUSED if options.get(name) not in (None, False)]
        if asked or any(value is not None for value in others):
            what = ", ".join(asked) or "more than hidden states and a mask by position"
            raise UnsupportedInputError(f"the kernel does not take {what}")
        if isinstance(attention_mask, torch.Tensor):
            attention_mask = self.upload(additive_mask(attention_mask))
        attended = self.self_attention.attended(hidden_states, attention_mask)
        hidden_states = self.norm_attention(attended, hidden_states)
        fed = self.second(self.first(hidden_states))
        hidden_states = self.norm_output(fed, hidden_states)
        return hidden_states if self.returns_everything else (hidden_states, None)
