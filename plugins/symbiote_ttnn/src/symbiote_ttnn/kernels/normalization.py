"""Layer norm and RMS norm over the last dimension."""

from __future__ import annotations

from typing import Any

from torch import nn

from symbiote_ttnn.freed import living
from symbiote_ttnn.kernels.base import TTNNKernel
from symbiote_ttnn.kernels.conversion import tile
from symbiote_ttnn.late import ttnn


class TTNNLayerNorm(TTNNKernel):
    """`nn.LayerNorm` over the last dimension: [..., D] → [..., D]."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Norms over one dimension."""
        shape = tuple(torch_layer.normalized_shape)
        if len(shape) != 1:
            return f"TTNN normalises over the last dimension only, not over {list(shape)}"
        return None

    def preprocess_weights_impl(self) -> None:
        """Convert scale and shift, [D] each, where there are any."""
        layer = self.torch_layer
        self.tt_weight = None if layer.weight is None else tile(layer.weight)
        self.tt_bias = None if layer.bias is None else tile(layer.bias)

    def launch_arguments(self) -> dict[str, Any]:
        """The layer's epsilon."""
        return super().launch_arguments() | {"epsilon": self.torch_layer.eps}

    def forward(self, input_tensor: Any) -> Any:
        """Normalise [..., D]."""
        living(input_tensor, "ttnn.layer_norm")
        return ttnn.layer_norm(
            input_tensor, weight=self.tt_weight, bias=self.tt_bias, **self.launch
        )


class TTNNRMSNorm(TTNNKernel):
    """`nn.RMSNorm`, or a Hugging Face RMS norm of that structure: [..., D] → [..., D]."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Modules with a weight [D] and an epsilon."""
        weight = getattr(torch_layer, "weight", None)
        if weight is None or weight.ndim != 1:
            return "TTNN's RMS norm needs a weight of one dimension"
        if cls._epsilon(torch_layer) is None:
            return "it has neither eps nor variance_epsilon"
        return None

    @staticmethod
    def _epsilon(layer: nn.Module) -> float | None:
        for name in ("variance_epsilon", "eps"):
            value = getattr(layer, name, None)
            if isinstance(value, float):
                return value
        return None

    def preprocess_weights_impl(self) -> None:
        """Convert the scale, [D]."""
        self.tt_weight = tile(self.torch_layer.weight)

    def launch_arguments(self) -> dict[str, Any]:
        """The layer's epsilon."""
        return super().launch_arguments() | {"epsilon": self._epsilon(self.torch_layer)}

    def forward(self, input_tensor: Any) -> Any:
        """Normalise [..., D]."""
        return ttnn.rms_norm(
            living(input_tensor, "ttnn.rms_norm"), weight=self.tt_weight, **self.launch
        )
