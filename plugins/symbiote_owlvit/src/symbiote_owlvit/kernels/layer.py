"""A whole encoder layer of either tower: ten operations, and nothing leaves the device."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_owlvit.kernels.attention import MASKS, TTNNOwlViTAttention
from symbiote_owlvit.kernels.mlp import mlp_linears
from symbiote_owlvit.structure import EncoderLayer
from symbiote_ttnn import TTNNKernel, TTNNLayerNorm, add_in_place


class TTNNOwlViTLayer(TTNNKernel):
    """``OwlViTEncoderLayer``: [B, S, D] → [B, S, D], in a tuple where torch's is (4.57).

    Norm, attention, residual, norm, MLP, residual. The activation is computed in the program of
    the MLP's first matmul.
    """

    gives_tuple = False

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Layers of the structure that transformers 4.57 to 5 have."""
        try:
            parts = EncoderLayer.of(torch_layer)
        except AttributeError as error:
            return f"its structure is not known: {error}"
        return parts.unsupported()

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNOwlViTLayer:
        """Build it for an ``OwlViTEncoderLayer``."""
        parts = EncoderLayer.of(torch_layer)
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.gives_tuple = parts.gives_tuple
        module.norm_before = TTNNLayerNorm.from_torch(parts.norm_before)
        module.self_attention = TTNNOwlViTAttention.from_torch(torch_layer.self_attn)
        module.norm_after = TTNNLayerNorm.from_torch(parts.norm_after)
        module.first, module.second = mlp_linears(parts)
        return module

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave masks on the host, where several are made one."""
        return tensor if position in MASKS else super().upload_input(tensor, position)

    def forward(
        self,
        hidden_states: Any,
        attention_mask: Any = None,
        causal_attention_mask: Any = None,
        output_attentions: bool | None = False,
        is_causal: bool = False,
        **others: Any,
    ) -> Any:
        """Run the layer; the arguments are those of `TTNNOwlViTAttention.forward`."""
        attended, _ = self.self_attention.written(
            self.norm_before.written(hidden_states),
            attention_mask,
            causal_attention_mask,
            output_attentions,
            is_causal,
        )
        hidden_states = add_in_place(attended, hidden_states)
        widened = self.first.written(self.norm_after.written(hidden_states))
        hidden_states = add_in_place(self.second.written(widened), hidden_states)
        return (hidden_states,) if self.gives_tuple else hidden_states
