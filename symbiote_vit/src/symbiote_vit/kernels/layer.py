"""A whole encoder layer: ten operations, and nothing leaves the device."""

from __future__ import annotations

from typing import Any

from symbiote_core import UnsupportedInputError
from symbiote_ttnn import (
    TTNNKernel,
    TTNNLayerNorm,
    TTNNLinear,
    TTNNSelfAttention,
    activation_name,
    add_in_place,
)
from symbiote_vit.structure import EncoderLayer


class TTNNViTLayer(TTNNKernel):
    """``ViTLayer``: [B, S, D] → [B, S, D].

    Norm, attention, residual, norm, MLP, residual. The activation is computed in the program of
    the MLP's first matmul.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Layers of the structure that transformers 4.57 to 5 have."""
        try:
            parts = EncoderLayer.of(torch_layer)
        except AttributeError as error:
            return f"its structure is not known: {error}"
        if activation_name(parts.activation) is None:
            return f"TTNN can't fuse {type(parts.activation).__name__} into a linear"
        return parts.attention.unsupported()

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNViTLayer:
        """Build it for a ``ViTLayer``."""
        parts = EncoderLayer.of(torch_layer)
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.norm_before = TTNNLayerNorm.from_torch(parts.norm_before)
        module.self_attention = TTNNSelfAttention.from_layers(
            parts.attention, torch_layer.attention
        )
        module.norm_after = TTNNLayerNorm.from_torch(parts.norm_after)
        module.first = TTNNLinear.fused(parts.first, activation_name(parts.activation))
        module.second = TTNNLinear.fused(parts.second, None)
        return module

    def forward(self, hidden_states: Any, attention_mask: Any = None, **kwargs: Any) -> Any:
        """Run the layer.

        Raises:
            UnsupportedInputError: for an attention mask (5.x) or head mask (4.57).
        """
        if attention_mask is not None:
            raise UnsupportedInputError("the kernel takes no attention or head mask")
        normed = self.norm_before.written(hidden_states)
        hidden_states = add_in_place(self.self_attention.written(normed), hidden_states)
        widened = self.first.written(self.norm_after.written(hidden_states))
        return add_in_place(self.second.written(widened), hidden_states)
