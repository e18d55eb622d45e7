"""The attention of an OWL-ViT, with the masks of its text tower."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import UnsupportedInputError
from symbiote_owlvit.masks import additive_mask
from symbiote_ttnn import AttentionLayers, TTNNSelfAttention

MASKS = frozenset({"attention_mask", "causal_attention_mask", 1, 2})
"""The arguments of layer and attention that are masks, by name and by position."""


class TTNNOwlViTAttention(TTNNSelfAttention):
    """``OwlViTAttention``: [B, S, D] → ([B, S, D], None), masked or causal.

    TTNN keeps no attention weights. Where they are asked for, by ``output_attentions`` or a hook,
    torch runs.
    """

    returns_everything = False

    @classmethod
    def layers_of(cls, torch_layer: Any) -> AttentionLayers:
        """See `TTNNSelfAttention.layers_of`."""
        return AttentionLayers.of_projections(torch_layer, torch_layer.scale)

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
        """Attend.

        Args:
            hidden_states: [B, S, D] on the device.
            attention_mask: of torch code, [1 or B, 1, S, S]; or on the device already.
            causal_attention_mask: another one of torch code (4.57).
            output_attentions: not taken.
            is_causal: whether tokens see what stands before them alone; a mask says it by itself.
            **others: of torch code; not needed here.

        Raises:
            UnsupportedInputError: for attention weights, and for a mask that hides all keys.
        """
        if output_attentions:
            raise UnsupportedInputError("TTNN keeps no attention weights")
        mask = attention_mask
        given = [m for m in (attention_mask, causal_attention_mask) if isinstance(m, torch.Tensor)]
        if given:
            mask = self.upload(additive_mask(*given))
        causal = is_causal and mask is None
        return self.attended(hidden_states, mask, causal), None
