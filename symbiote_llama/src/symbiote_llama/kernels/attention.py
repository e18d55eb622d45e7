"""Causal attention with shared key and value heads, as a part of a decoder layer."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_llama.steps import Heads, Step
from symbiote_llama.structure import GroupedAttention
from symbiote_ttnn import TTNNKernel, tile, ttnn


class TTNNGroupedAttention(TTNNKernel):
    """One matmul for query, key and value, what the step does, and the output projection.

    [B, S, D] → [B, S, D] for several tokens of a row, [1, 1, B, D] → [1, 1, B, D] for one.
    """

    transient = ("launch", "heads")
    role = "attention"

    @classmethod
    def from_layers(
        cls, layers: GroupedAttention, index: int, torch_layer: Any
    ) -> TTNNGroupedAttention:
        """Build it from the layers of ``torch_layer``, the attention of decoder layer ``index``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.layers = layers
        module.index = index
        return module

    def preprocess_weights_impl(self) -> None:
        """Put the matrices side by side, [D, (heads + 2 * kv_heads) * head_size], and biases."""
        layers: GroupedAttention = self.layers
        three: tuple[Any, ...] = (layers.query, layers.key, layers.value)
        weights = [layer.weight for layer in three]
        self.tt_qkv = self.weight_matrix(*weights)
        self.tt_qkv_bias = None
        if three[0].bias is not None:
            self.tt_qkv_bias = tile(torch.cat([layer.bias for layer in three]).reshape(1, -1))
        self.tt_out = self.weight_matrix(layers.output.weight)
        bias: Any = layers.output.bias
        self.tt_out_bias = None if bias is None else tile(bias.reshape(1, -1))

    def launch_arguments(self) -> dict[str, Any]:
        """Arguments of the matmuls; those of the attention stand beside them."""
        layers: GroupedAttention = self.layers
        common = super().launch_arguments()
        attend = common | {"scale": layers.scale}
        if layers.window is not None:
            attend["sliding_window_size"] = layers.window
        width = layers.heads * layers.head_size
        self.heads = Heads(self.index, layers.heads, layers.kv_heads, width, attend)
        return common | {"dtype": self.activation_dtype}

    def forward(self, hidden_states: Any, step: Step) -> Any:
        """Attend as ``step`` says."""
        qkv = ttnn.linear(hidden_states, self.tt_qkv, bias=self.tt_qkv_bias, **self.launch)
        merged = step.attend(qkv, self.heads)
        return ttnn.linear(merged, self.tt_out, bias=self.tt_out_bias, **self.launch)
