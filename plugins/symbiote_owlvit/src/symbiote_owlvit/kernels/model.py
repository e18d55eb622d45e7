"""Both towers, and what compares them."""

from __future__ import annotations

from typing import Any

from transformers.models.owlvit.modeling_owlvit import OwlViTOutput

from symbiote_owlvit.kernels.tower import OverSwapped
from symbiote_owlvit.kernels.unit import TTNNUnitLength
from symbiote_ttnn import ttnn


class TTNNOwlViTModel(OverSwapped):
    """``OwlViTModel``: ids [T, S] and images [B, C, H, W] → their embeddings and similarities.

    Towers and projections are swapped modules themselves.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Models of the structure that transformers 4.57 to 5 have."""
        names = ("text_model", "vision_model", "text_projection", "visual_projection")
        for name in (*names, "logit_scale"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        return None

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNOwlViTModel:
        """Build it for an ``OwlViTModel``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.unit_length = TTNNUnitLength.of_width(torch_layer.text_projection.out_features)
        return module

    def forward(
        self,
        input_ids: Any = None,
        pixel_values: Any = None,
        attention_mask: Any = None,
        return_loss: bool | None = None,
        *others: Any,
        interpolate_pos_encoding: bool = False,
        return_base_image_embeds: bool | None = None,
        **options: Any,
    ) -> Any:
        """Run both towers; NotImplemented leaves the call to torch's ``forward``."""
        model = self.torch_layer
        projections = (model.text_projection, model.visual_projection)
        if return_loss or others or self.wants_more(options) or not self.can_call(projections):
            return NotImplemented
        self.move_weights_to_device()
        seen = model.vision_model(
            pixel_values=pixel_values, interpolate_pos_encoding=interpolate_pos_encoding, **options
        )
        read = model.text_model(input_ids=input_ids, attention_mask=attention_mask, **options)
        try:
            image_embeds, text_embeds, by_text, by_image = self.on_device(self._compare, seen, read)
        except Exception as error:  # torch's forward has the answer
            return self.give_up(error, input_ids, pixel_values)
        return OwlViTOutput(
            logits_per_image=self.shown(by_image),
            logits_per_text=self.shown(by_text),
            text_embeds=self.shown(text_embeds),
            image_embeds=self.shown(image_embeds),
            text_model_output=read,
            vision_model_output=seen,
        )

    def _compare(self, seen: Any, read: Any) -> tuple[Any, ...]:
        model = self.torch_layer
        image = self.raw(model.visual_projection(seen.pooler_output))
        text = self.raw(model.text_projection(read.pooler_output))
        image, text = self.unit_length(image), self.unit_length(text)
        scale = float(model.logit_scale.exp())
        by_text = ttnn.multiply(ttnn.matmul(text, image, transpose_b=True, **self.launch), scale)
        return image, text, by_text, ttnn.transpose(by_text, 0, 1)
