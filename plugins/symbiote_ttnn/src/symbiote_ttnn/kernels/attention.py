"""Self-attention with one matmul for query, key and value."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import nn

from symbiote_ttnn.kernels.base import TTNNKernel
from symbiote_ttnn.kernels.conversion import tile
from symbiote_ttnn.late import ttnn

TILE_WIDTH = 32
"""Width of a TTNN tile; head sizes must be multiples of it."""


@attrs.frozen(eq=False)
class AttentionLayers:
    """The torch layers of a self-attention, whatever their module calls them.

    Attributes:
        query, key, value: linear layers [D] → [heads * head_size].
        heads: number of heads.
        head_size: width of a head.
        output: the projection after the heads, or None.
        scale: what scores are multiplied with; 1/sqrt(head_size) if None.
    """

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    heads: int
    head_size: int
    output: nn.Linear | None = None
    scale: float | None = None

    @classmethod
    def of_projections(cls, attention: Any, scale: float) -> AttentionLayers:
        """Those of an attention as most of transformers' later models build it.

        Args:
            attention: has ``q_proj``, ``k_proj``, ``v_proj``, ``out_proj``, ``num_heads`` and
                ``head_dim``.
            scale: what scores are multiplied with.

        Raises:
            AttributeError: if it is built otherwise.
        """
        return cls(
            query=attention.q_proj,
            key=attention.k_proj,
            value=attention.v_proj,
            heads=attention.num_heads,
            head_size=attention.head_dim,
            output=attention.out_proj,
            scale=scale,
        )

    def unsupported(self) -> str | None:
        """Why TTNN can't run it, or None."""
        if self.head_size % TILE_WIDTH:
            return f"head size {self.head_size} is not a multiple of {TILE_WIDTH}"
        widths = {layer.out_features for layer in (self.query, self.key, self.value)}
        if widths != {self.heads * self.head_size}:
            return (
                f"query, key and value have {sorted(widths)} features, not "
                f"{self.heads} heads of {self.head_size}"
            )
        return None


class TTNNSelfAttention(TTNNKernel):
    """Self-attention: [B, S, D] → [B, S, D], four device operations.

    Query, key and value are one matmul; one operation splits the heads, one attends and puts them
    side by side again (as [B, 1, S, D], so that a reshape without a program follows); the output
    projection, if there is one, is the last.

    Subclasses say in `layers_of` where their torch module keeps the layers.
    """

    @classmethod
    def layers_of(cls, torch_layer: Any) -> AttentionLayers:
        """The layers of a torch attention.

        Raises:
            AttributeError: if the module is built otherwise.
        """
        raise NotImplementedError(f"{cls.__name__} does not say where its layers are (layers_of).")

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Attentions with the structure of `layers_of` and heads of whole tiles."""
        try:
            layers = cls.layers_of(torch_layer)
        except AttributeError as error:
            return f"its structure is not known: {error}"
        return layers.unsupported()

    @classmethod
    def from_layers(cls, layers: AttentionLayers, torch_layer: Any) -> TTNNSelfAttention:
        """Build it from layers that stand anywhere in ``torch_layer``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.layers = layers
        return module

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNSelfAttention:
        """Build it for a torch attention."""
        return cls.from_layers(cls.layers_of(torch_layer), torch_layer)

    def preprocess_weights_impl(self) -> None:
        """Put the three matrices side by side, [D, 3 * heads * head_size], and their biases."""
        layers: AttentionLayers = self.layers
        three: tuple[Any, ...] = (layers.query, layers.key, layers.value)
        weights = [layer.weight for layer in three]
        self.tt_qkv = self.weight_matrix(*weights)
        self.tt_qkv_bias = None
        if any(layer.bias is not None for layer in three):
            # Some models give a bias to two of the three (whisper's key has none).
            biases = [
                layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias
                for layer in three
            ]
            self.tt_qkv_bias = tile(torch.cat(biases).reshape(1, -1))
        self.tt_out = self.tt_out_bias = None
        if layers.output is not None:
            self.tt_out = self.weight_matrix(layers.output.weight)
            if layers.output.bias is not None:
                self.tt_out_bias = tile(layers.output.bias.reshape(1, -1))

    def launch_arguments(self) -> dict[str, Any]:
        """Arguments of the matmuls; those of the attention stand beside them."""
        layers: AttentionLayers = self.layers
        scale = layers.head_size**-0.5 if layers.scale is None else layers.scale
        common = super().launch_arguments()
        self.attend: dict[str, Any] = common | {
            "is_causal": False,
            "scale": scale,
            "output_concat_heads": True,
        }
        self.attend_causally: dict[str, Any] = self.attend | {"is_causal": True}
        return common | {"dtype": self.activation_dtype}

    transient = ("launch", "attend", "attend_causally")

    def forward(self, hidden_states: Any) -> Any:
        """Attend: [B, S, D] → [B, S, heads * head_size], projected if there is an output layer."""
        return self.attended(hidden_states)

    def attended(self, hidden_states: Any, mask: Any = None, is_causal: bool = False) -> Any:
        """Attend as `forward` does, with a mask or without.

        Args:
            hidden_states: [B, S, D].
            mask: added to the scores, [1 or B, 1 or heads, S, S]; not together with ``is_causal``.
            is_causal: whether tokens see themselves and what stands before them alone.
        """
        qkv = ttnn.linear(hidden_states, self.tt_qkv, bias=self.tt_qkv_bias, **self.launch)
        query, key, value = ttnn.transformer.split_query_key_value_and_split_heads(
            qkv, num_heads=self.layers.heads, transpose_key=False
        )
        how = self.attend_causally if is_causal else self.attend
        if mask is not None:
            how = how | {"attn_mask": mask}
        merged = ttnn.transformer.scaled_dot_product_attention(query, key, value, **how)
        batch, _, length, width = tuple(merged.shape)
        merged = ttnn.reshape(merged, (batch, length, width))
        if self.tt_out is None:
            return merged
        return ttnn.linear(merged, self.tt_out, bias=self.tt_out_bias, **self.launch)
