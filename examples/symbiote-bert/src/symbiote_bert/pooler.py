"""The pooler: the first token through a dense layer."""

from __future__ import annotations

from typing import Any

from symbiote_ttnn import TTNNKernel, TTNNLinear, activation_name, ttnn


class TTNNBertPooler(TTNNKernel):
    """``BertPooler``: [B, S, D] → [B, D], the first token through linear and tanh."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Poolers whose activation TTNN fuses."""
        if activation_name(torch_layer.activation) is None:
            return f"TTNN can't fuse {type(torch_layer.activation).__name__} into a linear"
        return None

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNBertPooler:
        """Build it for a ``BertPooler``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.linear = TTNNLinear.fused(torch_layer.dense, activation_name(torch_layer.activation))
        return module

    def forward(self, hidden_states: Any) -> Any:
        """Pool the first token."""
        batch, _, width = tuple(hidden_states.shape)
        first = ttnn.slice(hidden_states, [0, 0, 0], [batch, 1, width])
        return self.linear(ttnn.reshape(first, (batch, width)))
