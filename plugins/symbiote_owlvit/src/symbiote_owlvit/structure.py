"""Where transformers keeps the layers of an OWL-ViT, and what differs between 4.57 and 5.x."""

from __future__ import annotations

import inspect
from typing import Any

import attrs
from torch import nn

from symbiote_ttnn import AttentionLayers, activation_name


def is_quick_gelu(activation: nn.Module) -> bool:
    """Whether a module computes ``x * sigmoid(1.702 * x)``."""
    return type(activation).__name__ == "QuickGELUActivation"


@attrs.frozen(eq=False)
class EncoderLayer:
    """The parts of an encoder layer, of the text tower or of the vision tower.

    Attributes:
        attention: query, key, value and output projection.
        norm_before: the layer norm before the attention.
        norm_after: the layer norm before the MLP.
        first, second: the linear layers of the MLP.
        activation: between them.
        gives_tuple: whether the layer returns its hidden states in a tuple (4.57).
    """

    attention: AttentionLayers
    norm_before: nn.LayerNorm
    norm_after: nn.LayerNorm
    first: nn.Linear
    second: nn.Linear
    activation: nn.Module
    gives_tuple: bool

    @classmethod
    def of(cls, layer: Any) -> EncoderLayer:
        """The parts of an ``OwlViTEncoderLayer``.

        Raises:
            AttributeError: if the layer is built otherwise.
        """
        return cls(
            attention=AttentionLayers.of_projections(layer.self_attn, layer.self_attn.scale),
            norm_before=layer.layer_norm1,
            norm_after=layer.layer_norm2,
            first=layer.mlp.fc1,
            second=layer.mlp.fc2,
            activation=layer.mlp.activation_fn,
            # Those that are passed a mask for what is to come return a tuple.
            gives_tuple="causal_attention_mask" in inspect.signature(layer.forward).parameters,
        )

    def unsupported(self) -> str | None:
        """Why TTNN can't run it, or None."""
        if not is_quick_gelu(self.activation) and activation_name(self.activation) is None:
            return f"TTNN can't fuse {type(self.activation).__name__} into a linear"
        return self.attention.unsupported()
