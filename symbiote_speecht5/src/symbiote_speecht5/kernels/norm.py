"""The layer norm behind a residual connection."""

from __future__ import annotations

from typing import Any

from symbiote_ttnn import TTNNLayerNorm, ttnn
from symbiote_ttnn.freed import living


class TTNNResidualNorm(TTNNLayerNorm):
    """``norm(x + residual)`` over the last dimension in one program: [..., D] → [..., D]."""

    def forward(self, input_tensor: Any, residual: Any = None) -> Any:
        """Add and normalise."""
        return ttnn.layer_norm(
            living(input_tensor, "ttnn.layer_norm"),
            residual_input_tensor=residual,
            weight=self.tt_weight,
            bias=self.tt_bias,
            **self.launch,
        )
