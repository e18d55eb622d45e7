"""Layer norm and RMS norm over the last dimension."""

from __future__ import annotations

from typing import Any

from torch import nn

from symbiote_ttnn.freed import living
from symbiote_ttnn.kernels.base import TTNNKernel
from symbiote_ttnn.kernels.conversion import tile
from symbiote_ttnn.late import ttnn

_EPSILONS = ("variance_epsilon", "eps", "epsilon")
"""What torch and Hugging Face call it."""


def epsilon_of(layer: nn.Module) -> float | None:
    """The epsilon of a norm, or None if it has none."""
    for name in _EPSILONS:
        value = getattr(layer, name, None)
        if isinstance(value, float):
            return value
    return None


class TTNNLayerNorm(TTNNKernel):
    """`nn.LayerNorm`, or one of that structure, over the last dimension: [..., D] → [..., D]."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Norms over one dimension."""
        shape = tuple(getattr(torch_layer, "normalized_shape", (None,)))
        if len(shape) != 1:
            return f"TTNN normalises over the last dimension only, not over {list(shape)}"
        return None

    def preprocess_weights_impl(self) -> None:
        """Convert scale and shift, [D] each, where there are any."""
        weight, bias = (getattr(self.torch_layer, name, None) for name in ("weight", "bias"))
        self.tt_weight = None if weight is None else tile(weight)
        self.tt_bias = None if bias is None else tile(bias)

    def launch_arguments(self) -> dict[str, Any]:
        """The layer's epsilon."""
        return super().launch_arguments() | {"epsilon": epsilon_of(self.torch_layer)}

    def forward(self, input_tensor: Any) -> Any:
        """Normalise [..., D]."""
        living(input_tensor, "ttnn.layer_norm")
        return ttnn.layer_norm(
            input_tensor, weight=self.tt_weight, bias=self.tt_bias, **self.launch
        )

    def of_sum(self, input_tensor: Any, residual: Any) -> Any:
        """Normalise the sum of two tensors [..., D], in one operation."""
        living(input_tensor, "ttnn.layer_norm")
        living(residual, "ttnn.layer_norm")
        return ttnn.layer_norm(
            input_tensor,
            residual_input_tensor=residual,
            weight=self.tt_weight,
            bias=self.tt_bias,
            **self.launch,
        )


class TTNNRMSNorm(TTNNKernel):
    """`nn.RMSNorm`, or a Hugging Face RMS norm of that structure: [..., D] → [..., D]."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Modules with a weight [D] and an epsilon."""
        weight = getattr(torch_layer, "weight", None)
        if weight is None or weight.ndim != 1:
            return "TTNN's RMS norm needs a weight of one dimension"
        if epsilon_of(torch_layer) is None:
            return f"it has none of {', '.join(_EPSILONS)}"
        return None

    def preprocess_weights_impl(self) -> None:
        """Convert the scale, [D]."""
        self.tt_weight = tile(self.torch_layer.weight)

    def launch_arguments(self) -> dict[str, Any]:
        """The layer's epsilon."""
        return super().launch_arguments() | {"epsilon": epsilon_of(self.torch_layer)}

    def forward(self, input_tensor: Any) -> Any:
        """Normalise [..., D]."""
        return ttnn.rms_norm(
            living(input_tensor, "ttnn.rms_norm"), weight=self.tt_weight, **self.launch
        )
