"""The three attentions, as parts of encoder and decoder layers."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_speecht5.scores import Scores
from symbiote_speecht5.steps import Heads, Step
from symbiote_speecht5.structure import bias_of, scaled_query
from symbiote_ttnn import AttentionLayers, TTNNKernel, tile, ttnn


class TTNNAttentionPart(TTNNKernel):
    """What the attentions have in common: the matrices, and the output projection."""

    transient = ("launch", "heads")
    role = "attention"

    @classmethod
    def from_layers(cls, layers: AttentionLayers, torch_layer: Any) -> TTNNAttentionPart:
        """Build it from the layers of ``torch_layer``, a ``SpeechT5Attention``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.layers = layers
        return module

    def preprocess_weights_impl(self) -> None:
        """Convert the output projection, [D, D]."""
        output: Any = self.layers.output
        self.tt_out = tile(output.weight.t(), self.weight_dtype)
        self.tt_out_bias = tile(bias_of(output).reshape(1, -1))

    def side_by_side(self, *parts: tuple[torch.Tensor, torch.Tensor]) -> tuple[Any, Any]:
        """Weights [N, D] and biases [N] as one matrix [D, sum of N] and one bias."""
        weights, biases = zip(*parts, strict=True)
        return (
            tile(torch.cat([weight.detach() for weight in weights]).t(), self.weight_dtype),
            tile(torch.cat(biases).reshape(1, -1)),
        )

    def launch_arguments(self) -> dict[str, Any]:
        """Arguments of the matmuls; those of the attention stand beside them."""
        layers: AttentionLayers = self.layers
        common = super().launch_arguments()
        index = getattr(self.torch_layer, "layer_idx", None)  # the encoder's have none
        attend = common | {"scale": 1.0}  # the query's weights carry it
        self.heads = Heads(-1 if index is None else index, layers.heads, layers.head_size, attend)
        return common | {"dtype": self.activation_dtype}


class TTNNJoinedAttention(TTNNAttentionPart):
    """An attention whose query, key and value are of the same states: one matmul for the three."""

    def preprocess_weights_impl(self) -> None:
        """Put query, key and value side by side, [D, 3 * D]."""
        super().preprocess_weights_impl()
        layers: AttentionLayers = self.layers
        self.tt_qkv, self.tt_qkv_bias = self.side_by_side(
            scaled_query(layers), *((x.weight, bias_of(x)) for x in (layers.key, layers.value))
        )


class TTNNEncoderAttention(TTNNJoinedAttention):
    """Attention to all tokens, with what `Scores` adds: [B, S, D] → [B, S, D]."""

    def forward(self, hidden_states: Any, scores: Scores) -> Any:
        """Attend."""
        heads: Heads = self.heads
        qkv = ttnn.linear(hidden_states, self.tt_qkv, bias=self.tt_qkv_bias, **self.launch)
        query, key, value = ttnn.transformer.split_query_key_value_and_split_heads(
            qkv, num_heads=heads.count, transpose_key=False
        )
        merged = ttnn.transformer.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=scores.of(query, compute_kernel_config=self.launch["compute_kernel_config"]),
            is_causal=False,
            output_concat_heads=True,
            **heads.attend,
        )
        merged = ttnn.reshape(merged, tuple(hidden_states.shape))
        return ttnn.linear(merged, self.tt_out, bias=self.tt_out_bias, **self.launch)


class TTNNDecoderAttention(TTNNJoinedAttention):
    """Causal attention, as a step says: [B, S, D] → [B, S, D], or [1, 1, B, D] → [1, 1, B, D]."""

    def forward(self, hidden_states: Any, step: Step) -> Any:
        """Attend to the tokens before."""
        qkv = ttnn.linear(hidden_states, self.tt_qkv, bias=self.tt_qkv_bias, **self.launch)
        merged = step.attend(qkv, self.heads)
        return ttnn.linear(merged, self.tt_out, bias=self.tt_out_bias, **self.launch)


class TTNNCrossAttention(TTNNAttentionPart):
    """Attention to the encoder's states, as a step says; shapes as `TTNNDecoderAttention`."""

    def preprocess_weights_impl(self) -> None:
        """Convert the query, [D, D], and put key and value side by side, [D, 2 * D]."""
        super().preprocess_weights_impl()
        layers: AttentionLayers = self.layers
        self.tt_query, self.tt_query_bias = self.side_by_side(scaled_query(layers))
        self.tt_kv, self.tt_kv_bias = self.side_by_side(
            *((x.weight, bias_of(x)) for x in (layers.key, layers.value))
        )

    def project(self, states: Any) -> tuple[Any, Any]:
        """Keys and values, [B, heads, T, head_size] each, of states [B, T, D]."""
        batch, length, width = tuple(states.shape)
        both = ttnn.linear(states, self.tt_kv, bias=self.tt_kv_bias, **self.launch)
        count = self.heads.count
        # TTNN splits keys and values beside a query of the same length, for which the states stand.
        _, keys, values = ttnn.experimental.nlp_create_qkv_heads(
            ttnn.reshape(states, (batch, 1, length, width)),
            ttnn.reshape(both, (batch, 1, length, 2 * width)),
            num_heads=count,
            num_kv_heads=count,
            transpose_k_heads=False,
        )
        return keys, values

    def forward(self, hidden_states: Any, step: Step) -> Any:
        """Attend to the encoder's states."""
        query = ttnn.linear(hidden_states, self.tt_query, bias=self.tt_query_bias, **self.launch)
        keys, values = step.source.keys_and_values(self.heads.index, self.project)
        merged = step.attend_across(query, keys, values, self.heads)
        return ttnn.linear(merged, self.tt_out, bias=self.tt_out_bias, **self.launch)
