"""The attention of a ViT by itself, for the fine policy."""

from __future__ import annotations

from typing import Any

from symbiote_core import UnsupportedInputError
from symbiote_ttnn import AttentionLayers, TTNNSelfAttention
from symbiote_vit.structure import attention_layers


class TTNNViTSelfAttention(TTNNSelfAttention):
    """``ViTAttention`` of transformers 5 or ``ViTSelfAttention`` of 4.57.

    [B, S, D] → ([B, S, D], None): TTNN keeps no attention weights. Where they are asked for, by
    ``output_attentions`` or a hook, torch runs.
    """

    returns_everything = False

    @classmethod
    def layers_of(cls, torch_layer: Any) -> AttentionLayers:
        """See `TTNNSelfAttention.layers_of`."""
        return attention_layers(torch_layer)

    def forward(self, hidden_states: Any, attention_mask: Any = None, **kwargs: Any) -> Any:
        """Attend without a mask.

        Raises:
            UnsupportedInputError: for a mask.
        """
        if attention_mask is not None:
            raise UnsupportedInputError("the kernel takes no attention or head mask")
        return TTNNSelfAttention.written(self, hidden_states), None
