"""The gated MLP: three matmuls, and the activation within the multiplication."""

from __future__ import annotations

from typing import Any

from symbiote_llama.structure import DecoderLayer
from symbiote_ttnn import TTNNKernel, tile, ttnn


class TTNNGatedMLP(TTNNKernel):
    """``down(silu(gate(x)) * up(x))``: [..., D] → [..., D]."""

    transient = ("launch", "gated")
    role = "mlp"

    @classmethod
    def from_layers(cls, layers: DecoderLayer, torch_layer: Any) -> TTNNGatedMLP:
        """Build it from the layers of ``torch_layer``, the MLP of a decoder layer."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.layers = layers
        return module

    def preprocess_weights_impl(self) -> None:
        """Convert the three matrices and the biases, if there are any."""
        layers: DecoderLayer = self.layers
        for name in ("gate", "up", "down"):
            linear = getattr(layers, name)
            setattr(self, f"tt_{name}", self.weight_matrix(linear.weight))
            bias = None if linear.bias is None else tile(linear.bias.reshape(1, -1))
            setattr(self, f"tt_{name}_bias", bias)

    def launch_arguments(self) -> dict[str, Any]:
        """Arguments of the matmuls; those of the multiplication stand beside them."""
        self.gated = {"input_tensor_a_activations": [ttnn.UnaryOpType.SILU]}
        return super().launch_arguments() | {"dtype": self.activation_dtype}

    def forward(self, hidden_states: Any) -> Any:
        """Map [..., D] to [..., D]."""
        gate = ttnn.linear(hidden_states, self.tt_gate, bias=self.tt_gate_bias, **self.launch)
        up = ttnn.linear(hidden_states, self.tt_up, bias=self.tt_up_bias, **self.launch)
        both = ttnn.multiply(gate, up, **self.gated)
        return ttnn.linear(both, self.tt_down, bias=self.tt_down_bias, **self.launch)
