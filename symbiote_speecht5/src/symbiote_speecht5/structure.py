"""Where transformers keeps the layers of a SpeechT5; 4.57 and 5 have the same names."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import nn

from symbiote_ttnn import AttentionLayers, activation_name


def scaled_query(layers: AttentionLayers) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight [D, D] and bias [D] of the query that carry the scale of the scores.

    A scale that is a power of two, as that of heads of 64, costs no precision in bfloat16. With it
    in the weights, the attention of TTNN does not multiply its mask [B, heads, S, S] first.
    """
    scale = layers.head_size**-0.5 if layers.scale is None else layers.scale
    return layers.query.weight.detach() * scale, bias_of(layers.query) * scale


def bias_of(layer: nn.Linear) -> torch.Tensor:
    """The bias of a linear layer, zeros if it has none."""
    bias: Any = layer.bias
    found: torch.Tensor = layer.weight.new_zeros(layer.out_features) if bias is None else bias
    return found.detach()


@attrs.frozen(eq=False)
class FeedForward:
    """The two linear layers that every layer ends with, and what is between them."""

    first: nn.Linear
    activation: nn.Module
    second: nn.Linear

    @classmethod
    def of(cls, module: Any) -> FeedForward:
        """The parts of a ``SpeechT5FeedForward``.

        Raises:
            AttributeError: if the module is built otherwise.
        """
        return cls(module.intermediate_dense, module.intermediate_act_fn, module.output_dense)

    def unsupported(self) -> str | None:
        """Why TTNN can't run it, or None."""
        if activation_name(self.activation) is None:
            return f"TTNN can't fuse {type(self.activation).__name__} into a linear"
        return None


@attrs.frozen(eq=False)
class EncoderLayer:
    """The parts of an encoder layer.

    Attributes:
        attention: query, key, value and output projection.
        attention_norm: the layer norm behind the attention and its residual.
        feed_forward: the feed-forward network.
        final_norm: the layer norm behind it and its residual.
    """

    attention: AttentionLayers
    attention_norm: nn.LayerNorm
    feed_forward: FeedForward
    final_norm: nn.LayerNorm

    @classmethod
    def of(cls, layer: Any) -> EncoderLayer:
        """The parts of a ``SpeechT5EncoderLayer``.

        Raises:
            AttributeError: if the layer is built otherwise.
        """
        return cls(
            attention=AttentionLayers.of_projections(layer.attention, layer.attention.scaling),
            attention_norm=layer.layer_norm,
            feed_forward=FeedForward.of(layer.feed_forward),
            final_norm=layer.final_layer_norm,
        )

    def unsupported(self) -> str | None:
        """Why TTNN can't run it, or None."""
        return self.attention.unsupported() or self.feed_forward.unsupported()


@attrs.frozen(eq=False)
class DecoderLayer:
    """The parts of a decoder layer.

    Attributes:
        self_attention: that to the tokens before.
        self_norm: the layer norm behind it and its residual.
        cross_attention: that to the encoder's states.
        cross_norm: the layer norm behind it and its residual.
        feed_forward: the feed-forward network.
        final_norm: the layer norm behind it and its residual.
    """

    self_attention: AttentionLayers
    self_norm: nn.LayerNorm
    cross_attention: AttentionLayers
    cross_norm: nn.LayerNorm
    feed_forward: FeedForward
    final_norm: nn.LayerNorm

    @classmethod
    def of(cls, layer: Any) -> DecoderLayer:
        """The parts of a ``SpeechT5DecoderLayer``.

        Raises:
            AttributeError: if the layer is built otherwise.
        """
        own, across = layer.self_attn, layer.encoder_attn
        return cls(
            self_attention=AttentionLayers.of_projections(own, own.scaling),
            self_norm=layer.self_attn_layer_norm,
            cross_attention=AttentionLayers.of_projections(across, across.scaling),
            cross_norm=layer.encoder_attn_layer_norm,
            feed_forward=FeedForward.of(layer.feed_forward),
            final_norm=layer.final_layer_norm,
        )

    def unsupported(self) -> str | None:
        """Why TTNN can't run it, or None."""
        return (
            self.self_attention.unsupported()
            or self.cross_attention.unsupported()
            or self.feed_forward.unsupported()
        )
