"""The feed-forward network that every layer ends with."""

from __future__ import annotations

from typing import Any

from symbiote_speecht5.structure import FeedForward
from symbiote_ttnn import TTNNKernel, TTNNLinear, activation_name


class TTNNFeedForward(TTNNKernel):
    """``SpeechT5FeedForward``: [..., D] → [..., D], two matmuls, the first with its activation."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Networks whose activation TTNN fuses into a linear."""
        try:
            return FeedForward.of(torch_layer).unsupported()
        except AttributeError as error:
            return f"its structure is not known: {error}"

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNFeedForward:
        """Build it for a ``SpeechT5FeedForward``."""
        parts = FeedForward.of(torch_layer)
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.first = TTNNLinear.fused(parts.first, activation_name(parts.activation))
        module.second = TTNNLinear.fused(parts.second, None)
        return module

    def forward(self, hidden_states: Any) -> Any:
        """Map [..., D] to [..., D]."""
        return self.second.written(self.first.written(hidden_states))
