"""The MLP: two operations, whatever its activation."""

from __future__ import annotations

from torch import nn

from symbiote_owlvit.structure import EncoderLayer, is_quick_gelu
from symbiote_ttnn import QUICK_GELU, TTNNLinear, activation_name, tile


class TTNNScaledLinear(TTNNLinear):
    """A linear layer whose weight and bias are multiplied with factors as they are converted."""

    weight_factor = 1.0
    bias_factor = 1.0

    @classmethod
    def scaled(
        cls, linear: nn.Linear, weight: float, bias: float, activation: str | None = None
    ) -> TTNNScaledLinear:
        """Build it for ``activation((weight * W) x + bias * b)``.

        Args:
            linear: the layer with W [N, K] and b [N].
            weight: the factor of W.
            bias: the factor of b.
            activation: a fused activation, a key of `symbiote_ttnn.kernels.FUSED_ACTIVATIONS`.
        """
        module = cls()
        module._fallback_torch_layer = linear
        module.weight_factor, module.bias_factor = weight, bias
        module.activation = activation
        return module

    def preprocess_weights_impl(self) -> None:
        """Convert weight and bias, each rounded once."""
        layer = self.torch_layer
        weight = layer.weight.detach().float() * self.weight_factor
        self.tt_weight = self.weight_matrix(weight)
        self.tt_bias = None
        if layer.bias is not None:
            self.tt_bias = tile((layer.bias.detach().float() * self.bias_factor).reshape(1, -1))


def mlp_linears(parts: EncoderLayer) -> tuple[TTNNLinear, TTNNLinear]:
    """The two linear layers of an MLP, the activation in the program of the first.

    TTNN fuses no quick_gelu, but silu: ``quick_gelu(x) = silu(1.702 * x) / 1.702``. The factors are
    put into the weights, so that nothing is left to do for them.
    """
    if not is_quick_gelu(parts.activation):
        first = TTNNLinear.fused(parts.first, activation_name(parts.activation))
        return first, TTNNLinear.fused(parts.second, None)
    return (
        TTNNScaledLinear.scaled(parts.first, QUICK_GELU, QUICK_GELU, "silu"),
        TTNNScaledLinear.scaled(parts.second, 1 / QUICK_GELU, 1.0),
    )
