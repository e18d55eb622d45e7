"""The vision tower."""

from __future__ import annotations

from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from symbiote_owlvit.kernels.tower import Tower
from symbiote_ttnn import called, ttnn


class TTNNOwlViTVision(Tower):
    """``OwlViTVisionTransformer``: images [B, C, H, W] → hidden states [B, 1 + N, D] and [B, D]."""

    def forward(
        self,
        pixel_values: Any = None,
        *others: Any,
        interpolate_pos_encoding: bool | None = False,
        **options: Any,
    ) -> Any:
        """Run the tower; NotImplemented leaves the call to torch's ``forward``."""
        model = self.torch_layer
        if pixel_values is None or others or self.wants_more(options):
            return NotImplemented
        around = (model.embeddings, model.pre_layernorm, model.post_layernorm)
        if not self.can_call(around) or not self.are_layers_ready():
            return NotImplemented
        if pixel_values.requires_grad and torch.is_grad_enabled():
            return NotImplemented
        tokens = model.embeddings(
            pixel_values.to(model.embeddings.patch_embedding.weight.dtype),
            interpolate_pos_encoding=bool(interpolate_pos_encoding),
        )
        try:
            states, pooled = self.on_device(self._run, tokens)
        except Exception as error:  # torch's forward has the answer
            return self.give_up(error, pixel_values)
        return BaseModelOutputWithPooling(
            last_hidden_state=self.shown(states), pooler_output=self.shown(pooled)
        )

    def _run(self, tokens: torch.Tensor) -> tuple[Any, Any]:
        model = self.torch_layer
        hidden = called(model.pre_layernorm, self.raw(tokens))
        hidden = self.through_layers(hidden)
        batch, _, width = tuple(hidden.shape)
        first = ttnn.slice(hidden, [0, 0, 0], [batch, 1, width])
        return hidden, called(model.post_layernorm, ttnn.reshape(first, (batch, width)))
