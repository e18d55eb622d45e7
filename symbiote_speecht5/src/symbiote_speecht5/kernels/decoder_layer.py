"""A whole decoder layer: nothing leaves the device."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import UnsupportedInputError
from symbiote_speecht5.kernels.attention import TTNNCrossAttention, TTNNDecoderAttention
from symbiote_speecht5.kernels.feed_forward import TTNNFeedForward
from symbiote_speecht5.kernels.norm import TTNNResidualNorm
from symbiote_speecht5.steps import Several, Source, Step
from symbiote_speecht5.structure import DecoderLayer
from symbiote_ttnn import TTNNKernel, added_to_scores

_HOST = frozenset({1, "attention_mask", 3, "encoder_attention_mask", "cache_position"})
"""Arguments that stay on the host."""


class TTNNSpeechT5DecoderLayer(TTNNKernel):
    """``SpeechT5DecoderLayer``: [B, S, D] → ([B, S, D],), or [1, 1, B, D] → ([1, 1, B, D],).

    Self-attention, residual and norm, cross-attention, residual and norm, feed-forward, residual
    and norm. `TTNNSpeechT5Decoder` calls it with a `Step`. Torch code may call it, too, without a
    cache.
    """

    returns_everything = False

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Layers of the structure that transformers 4.57 to 5 have."""
        try:
            return DecoderLayer.of(torch_layer).unsupported()
        except AttributeError as error:
            return f"its structure is not known: {error}"

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNSpeechT5DecoderLayer:
        """Build it for a ``SpeechT5DecoderLayer``."""
        parts = DecoderLayer.of(torch_layer)
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.attend = TTNNDecoderAttention.from_layers(
            parts.self_attention, torch_layer.self_attn
        )
        module.self_norm = TTNNResidualNorm.from_torch(parts.self_norm)
        module.attend_across = TTNNCrossAttention.from_layers(
            parts.cross_attention, torch_layer.encoder_attn
        )
        module.cross_norm = TTNNResidualNorm.from_torch(parts.cross_norm)
        module.feed = TTNNFeedForward.from_torch(torch_layer.feed_forward)
        module.final_norm = TTNNResidualNorm.from_torch(parts.final_norm)
        return module

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave masks on the host: ``forward`` uploads them."""
        return tensor if position in _HOST else super().upload_input(tensor, position)

    def forward(
        self,
        hidden_states: Any,
        attention_mask: torch.Tensor | None = None,
        encoder_hidden_states: Any = None,
        encoder_attention_mask: torch.Tensor | None = None,
        past_key_values: Any = None,
        output_attentions: bool | None = False,
        step: Step | None = None,
        **others: Any,
    ) -> Any:
        """Run the layer.

        Args:
            hidden_states: on the device.
            attention_mask: of torch code, [B, 1, S, S], added to the scores.
            encoder_hidden_states: of torch code, [B, T, D] on the device.
            encoder_attention_mask: of torch code, [B, 1, S, T], added to the scores.
            past_key_values: of torch code; not taken.
            output_attentions: of torch code; TTNN keeps no attention weights.
            step: what `TTNNSpeechT5Decoder` passes; None in a call of torch code.
            **others: of torch code; head masks are not taken, the rest is not needed.

        Raises:
            UnsupportedInputError: for a cache or a head mask of torch code, without states of an
                encoder, or if attention weights are asked for.
        """
        if step is None:
            if past_key_values is not None:
                raise UnsupportedInputError("called by torch code, the layer takes no cache")
            if encoder_hidden_states is None:
                raise UnsupportedInputError("the layer needs the states of an encoder")
            masked = any(value is not None for key, value in others.items() if "head_mask" in key)
            if masked or output_attentions:
                raise UnsupportedInputError("it takes no head mask and gives no attention weights")
            mask, across = (
                None if given is None else self.upload(added_to_scores(given))
                for given in (attention_mask, encoder_attention_mask)
            )
            length = int(hidden_states.shape[1])
            if mask is None and length > 1:  # torch's layer hides nothing then, and a step does
                mask = self.upload(torch.zeros(1, 1, length, length))
            step = Several(Source(encoder_hidden_states, mask=across), mask=mask)
        attended = self.attend.written(hidden_states, step)
        hidden_states = self.self_norm.written(attended, hidden_states)
        attended = self.attend_across.written(hidden_states, step)
        hidden_states = self.cross_norm.written(attended, hidden_states)
        return (self.final_norm.written(self.feed.written(hidden_states), hidden_states),)
