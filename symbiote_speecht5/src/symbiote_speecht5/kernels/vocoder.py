"""The residual blocks of the vocoder."""

from __future__ import annotations

from typing import Any

from symbiote_speecht5.kernels.convolution import (
    TTNNConvolution,
    TTNNRowConvolution,
    convolution_problem,
)
from symbiote_speecht5.taps import Gather, Taps
from symbiote_ttnn import ttnn


class TTNNVocoderBlock(TTNNConvolution):
    """``HifiGanResidualBlock``: [B, C, T] → [B, C, T].

    Pairs of convolutions, each behind a leaky relu, with a residual around each pair.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Blocks of the structure that transformers 4.57 to 5 have."""
        for name in ("convs1", "convs2", "leaky_relu_slope"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        if not 0.0 <= torch_layer.leaky_relu_slope <= 1.0:
            return f"its leaky relu has a slope of {torch_layer.leaky_relu_slope}"
        problems = map(convolution_problem, (*torch_layer.convs1, *torch_layer.convs2))
        return next(filter(None, problems), None)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNVocoderBlock:
        """Build it for a ``HifiGanResidualBlock``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        shared: dict[Taps, Gather] = {}

        def on_rows(conv: Any) -> TTNNRowConvolution:
            taps = Taps.of(conv)
            gather = shared.setdefault(taps, Gather(taps))
            return TTNNRowConvolution.of(conv, gather=gather)

        module.first_parts = [on_rows(conv) for conv in torch_layer.convs1]
        module.second_parts = [on_rows(conv) for conv in torch_layer.convs2]
        return module

    def on_rows(self, rows: Any) -> Any:
        """What is done with rows, [B, T, C] → [B, T, C]."""
        slope = self.torch_layer.leaky_relu_slope
        for first, second in zip(self.first_parts, self.second_parts, strict=True):
            inner = first.written(_leaky_relu(rows, slope))
            rows = ttnn.add(second.written(_leaky_relu(inner, slope)), rows)
        return rows


def _leaky_relu(x: Any, slope: float) -> Any:
    return ttnn.maximum(x, ttnn.multiply(x, slope))
