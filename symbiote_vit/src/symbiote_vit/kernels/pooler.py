"""The pooler: the class token through a dense layer."""

from __future__ import annotations

from typing import Any

from symbiote_ttnn import TTNNKernel, TTNNLinear, activation_name, ttnn


class TTNNViTPooler(TTNNKernel):
    """``ViTPooler``: [B, S, D] → [B, P], the first token through linear and activation."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Poolers whose activation TTNN fuses."""
        if not hasattr(torch_layer, "dense") or not hasattr(torch_layer, "activation"):
            return "it has no dense and activation"
        if activation_name(torch_layer.activation) is None:
            return f"TTNN can't fuse {type(torch_layer.activation).__name__} into a linear"
        return None

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNViTPooler:
        """Build it for a ``ViTPooler``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        activation = activation_name(torch_layer.activation)
        module.dense_part = TTNNLinear.fused(torch_layer.dense, activation)
        return module

    def forward(self, hidden_states: Any) -> Any:
        """Pool the first token."""
        batch, _, width = tuple(hidden_states.shape)
        first = ttnn.slice(hidden_states, [0, 0, 0], [batch, 1, width])
        return self.dense_part(ttnn.reshape(first, (batch, width)))
