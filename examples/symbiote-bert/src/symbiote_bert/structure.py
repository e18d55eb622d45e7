"""Where transformers keeps the layers of a BERT encoder layer."""

from __future__ import annotations

from typing import Any

import attrs
from torch import nn

from symbiote_ttnn import AttentionLayers, activation_name


@attrs.frozen(eq=False)
class EncoderLayer:
    """The parts of a ``BertLayer``, the same in transformers 4.57 and 5.

    Attributes:
        attention: query, key, value and output projection.
        norm_attention: the layer norm behind the attention and its residual.
        first, second: the linear layers of the feed-forward part.
        activation: between them.
        norm_output: the layer norm behind the feed-forward part and its residual.
    """

    attention: AttentionLayers
    norm_attention: nn.LayerNorm
    first: nn.Linear
    second: nn.Linear
    activation: nn.Module
    norm_output: nn.LayerNorm

    @classmethod
    def of(cls, layer: Any) -> EncoderLayer:
        """The parts of a layer.

        Raises:
            AttributeError: if the layer is built otherwise.
        """
        inner, output = layer.attention.self, layer.attention.output
        return cls(
            attention=AttentionLayers(
                query=inner.query,
                key=inner.key,
                value=inner.value,
                heads=inner.num_attention_heads,
                head_size=inner.attention_head_size,
                output=output.dense,
            ),
            norm_attention=output.LayerNorm,
            first=layer.intermediate.dense,
            second=layer.output.dense,
            activation=layer.intermediate.intermediate_act_fn,
            norm_output=layer.output.LayerNorm,
        )


def layer_problem(layer: Any) -> str | None:
    """Why a layer can't run whole on TTNN, or None if it can."""
    try:
        parts = EncoderLayer.of(layer)
    except AttributeError as error:
        return f"its structure is not known: {error}"
    if layer.is_decoder:
        return "a decoder's cache and cross-attention are not written"
    positions = getattr(layer.attention.self, "position_embedding_type", "absolute")
    if positions != "absolute":  # 4.57; transformers 5 has no other
        return f"positions of type {positions!r} change the scores of the attention"
    if activation_name(parts.activation) is None:
        return f"TTNN can't fuse {type(parts.activation).__name__} into a linear"
    return parts.attention.unsupported()
