"""A whole encoder layer: nothing leaves the device."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import UnsupportedInputError
from symbiote_speecht5.kernels.attention import TTNNEncoderAttention
from symbiote_speecht5.kernels.feed_forward import TTNNFeedForward
from symbiote_speecht5.kernels.norm import TTNNResidualNorm
from symbiote_speecht5.scores import Scores
from symbiote_speecht5.structure import EncoderLayer
from symbiote_ttnn import TTNNKernel, added_to_scores, ttnn


class TTNNSpeechT5EncoderLayer(TTNNKernel):
    """``SpeechT5EncoderLayer``: [B, S, D] → ([B, S, D],).

    Attention, residual and norm, feed-forward, residual and norm. `TTNNSpeechT5Encoder` calls it
    with `Scores`, torch code with a mask and with position vectors.
    """

    returns_everything = False

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Layers of the structure that transformers 4.57 to 5 have."""
        try:
            return EncoderLayer.of(torch_layer).unsupported()
        except AttributeError as error:
            return f"its structure is not known: {error}"

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNSpeechT5EncoderLayer:
        """Build it for a ``SpeechT5EncoderLayer``."""
        parts = EncoderLayer.of(torch_layer)
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.attend = TTNNEncoderAttention.from_layers(parts.attention, torch_layer.attention)
        module.attention_norm = TTNNResidualNorm.from_torch(parts.attention_norm)
        module.feed = TTNNFeedForward.from_torch(torch_layer.feed_forward)
        module.final_norm = TTNNResidualNorm.from_torch(parts.final_norm)
        return module

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave masks on the host: ``forward`` uploads them."""
        return (
            tensor if position in (1, "attention_mask") else super().upload_input(tensor, position)
        )

    def forward(
        self,
        hidden_states: Any,
        attention_mask: torch.Tensor | None = None,
        layer_head_mask: Any = None,
        position_bias: Any = None,
        output_attentions: bool | None = False,
        scores: Scores | None = None,
    ) -> Any:
        """Run the layer.

        Args:
            hidden_states: [B, S, D] on the device.
            attention_mask: of torch code, [B, 1, S, S], added to the scores.
            layer_head_mask: of torch code; not taken.
            position_bias: of torch code, [S, S, head_size] on the device.
            output_attentions: of torch code; TTNN keeps no attention weights.
            scores: what `TTNNSpeechT5Encoder` passes; None in a call of torch code.

        Raises:
            UnsupportedInputError: for a head mask, or if attention weights are asked for.
        """
        if layer_head_mask is not None or output_attentions:
            raise UnsupportedInputError("it takes no head mask and gives no attention weights")
        if scores is None:
            positions = None if position_bias is None else ttnn.transpose(position_bias, 1, 2)
            mask = None if attention_mask is None else self.upload(added_to_scores(attention_mask))
            scores = Scores(positions, mask)
        attended = self.attend.written(hidden_states, scores)
        hidden_states = self.attention_norm.written(attended, hidden_states)
        return (self.final_norm.written(self.feed.written(hidden_states), hidden_states),)
