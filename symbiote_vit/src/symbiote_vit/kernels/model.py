"""The model's way through its layers, with nothing of torch between them."""

from __future__ import annotations

from typing import Any

from transformers.modeling_outputs import BaseModelOutputWithPooling

from symbiote_core import TTNNModule, through


class TTNNViTModel(TTNNModule):
    """``ViTModel``: images [B, C, H, W] → last hidden states [B, 1 + N, D] and pooled ones [B, P].

    Embeddings, layers, norm and pooler are swapped modules themselves. What these in a row do not
    give, such as all hidden states or attentions, is left to torch's own ``forward``, which runs
    over the same modules.
    """

    covers_children = False

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Models of the structure that transformers 4.57 to 5 have."""
        if not hasattr(torch_layer, "layers") and not hasattr(torch_layer, "encoder"):
            return "it has neither layers (transformers 5) nor an encoder (4.57)"
        return None

    def forward(
        self,
        pixel_values: Any = None,
        *others: Any,
        bool_masked_pos: Any = None,
        interpolate_pos_encoding: bool | None = None,
        **options: Any,
    ) -> Any:
        """Run the model; NotImplemented leaves the call to torch's ``forward``."""
        model = self.torch_layer
        if pixel_values is None or others or self._wants_more(options):
            return NotImplemented
        if pixel_values.dtype != self._symbiote.dtype:  # torch converts them
            return NotImplemented
        asked = {
            "bool_masked_pos": bool_masked_pos,
            "interpolate_pos_encoding": interpolate_pos_encoding,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        tokens = model.embeddings(pixel_values, **given)
        layers = model.layers if hasattr(model, "layers") else model.encoder.layer
        states = through((*layers, model.layernorm), tokens)
        pooled = None if model.pooler is None else model.pooler(states)
        return BaseModelOutputWithPooling(last_hidden_state=states, pooler_output=pooled)

    def _wants_more(self, options: dict[str, Any]) -> bool:
        config = self.torch_layer.config
        if config.output_hidden_states or config.output_attentions or not config.return_dict:
            return True
        return any(value is not None for value in options.values())
