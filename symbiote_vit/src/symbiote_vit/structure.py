"""Where transformers keeps the layers of a ViT: the names differ between 4.57 and 5.x.

4.57: ``attention.attention.query``, ``attention.output.dense``, ``intermediate.dense``,
``output.dense``. 5.x: ``attention.q_proj`` … ``o_proj``, ``mlp.fc1``, ``mlp.fc2``.
"""

from __future__ import annotations

from typing import Any

import attrs
from torch import nn

from symbiote_ttnn import AttentionLayers


def attention_layers(attention: Any) -> AttentionLayers:
    """The layers of a ``ViTAttention`` (5.x), or of a ``ViTSelfAttention`` (4.57).

    Raises:
        AttributeError: if the module is built otherwise.
    """
    if hasattr(attention, "q_proj"):
        return AttentionLayers(
            query=attention.q_proj,
            key=attention.k_proj,
            value=attention.v_proj,
            heads=attention.num_attention_heads,
            head_size=attention.head_dim,
            output=attention.o_proj,
            scale=attention.scaling,
        )
    return AttentionLayers(
        query=attention.query,
        key=attention.key,
        value=attention.value,
        heads=attention.num_attention_heads,
        head_size=attention.attention_head_size,
        scale=attention.scaling,
    )


@attrs.frozen(eq=False)
class EncoderLayer:
    """The parts of a ViT encoder layer.

    Attributes:
        attention: query, key, value and output projection.
        norm_before: the layer norm before the attention.
        norm_after: the layer norm before the MLP.
        first, second: the linear layers of the MLP.
        activation: between them.
    """

    attention: AttentionLayers
    norm_before: nn.LayerNorm
    norm_after: nn.LayerNorm
    first: nn.Linear
    second: nn.Linear
    activation: nn.Module

    @classmethod
    def of(cls, layer: Any) -> EncoderLayer:
        """The parts of a ``ViTLayer``.

        Raises:
            AttributeError: if the layer is built otherwise.
        """
        if hasattr(layer, "mlp"):
            return cls(
                attention=attention_layers(layer.attention),
                norm_before=layer.layernorm_before,
                norm_after=layer.layernorm_after,
                first=layer.mlp.fc1,
                second=layer.mlp.fc2,
                activation=layer.mlp.activation_fn,
            )
        inner = attention_layers(layer.attention.attention)
        return cls(
            attention=attrs.evolve(inner, output=layer.attention.output.dense),
            norm_before=layer.layernorm_before,
            norm_after=layer.layernorm_after,
            first=layer.intermediate.dense,
            second=layer.output.dense,
            activation=layer.intermediate.intermediate_act_fn,
        )
