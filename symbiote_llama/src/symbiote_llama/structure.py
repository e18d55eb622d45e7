"""Where transformers keeps the layers of a Llama, a Mistral or a Qwen2."""

from __future__ import annotations

from typing import Any

import attrs
from torch import nn

TILE_WIDTH = 32
"""Width of a TTNN tile; head sizes must be multiples of it."""


@attrs.frozen(eq=False)
class GroupedAttention:
    """The parts of an attention whose query heads share key and value heads.

    Attributes:
        query: linear layer [D] → [heads * head_size].
        key, value: linear layers [D] → [kv_heads * head_size].
        output: linear layer [heads * head_size] → [D].
        heads: number of query heads.
        kv_heads: number of key and value heads; a divisor of ``heads``.
        head_size: width of a head.
        scale: what scores are multiplied with.
        window: how many positions a query sees, itself included; None for all before it.
    """

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    output: nn.Linear
    heads: int
    kv_heads: int
    head_size: int
    scale: float
    window: int | None = None

    @classmethod
    def of(cls, attention: Any) -> GroupedAttention:
        """The parts of a ``LlamaAttention``, ``MistralAttention`` or ``Qwen2Attention``.

        Raises:
            AttributeError: if the module is built otherwise.
        """
        config = attention.config
        return cls(
            query=attention.q_proj,
            key=attention.k_proj,
            value=attention.v_proj,
            output=attention.o_proj,
            heads=config.num_attention_heads,
            kv_heads=config.num_key_value_heads,
            head_size=attention.head_dim,
            scale=attention.scaling,
            window=_window(attention),
        )

    def unsupported(self) -> str | None:
        """Why TTNN can't run it, or None."""
        if self.head_size % TILE_WIDTH:
            return f"head size {self.head_size} is not a multiple of {TILE_WIDTH}"
        if self.heads % self.kv_heads:
            return f"{self.heads} query heads do not share {self.kv_heads} key and value heads"
        wanted = [self.heads * self.head_size] + 2 * [self.kv_heads * self.head_size]
        found = [layer.out_features for layer in (self.query, self.key, self.value)]
        if found != wanted:
            return f"query, key and value have {found} features, not {wanted}"
        return None


def _window(attention: Any) -> int | None:
    """The sliding window: Qwen2 keeps a layer's own, Mistral has one for all layers."""
    if hasattr(attention, "sliding_window"):
        found: int | None = attention.sliding_window
        return found
    if attention.config.model_type == "mistral":
        return getattr(attention.config, "sliding_window", None)
    return None


@attrs.frozen(eq=False)
class DecoderLayer:
    """The parts of a decoder layer.

    Attributes:
        attention: query, key, value and output projection.
        norm_before: the RMS norm before the attention.
        norm_after: the RMS norm before the MLP.
        gate, up, down: the linear layers of the MLP, ``down(silu(gate(x)) * up(x))``.
        activation: what the gate goes through.
    """

    attention: GroupedAttention
    norm_before: nn.Module
    norm_after: nn.Module
    gate: nn.Linear
    up: nn.Linear
    down: nn.Linear
    activation: nn.Module

    @classmethod
    def of(cls, layer: Any) -> DecoderLayer:
        """The parts of a ``LlamaDecoderLayer``, or of one of that structure.

        Raises:
            AttributeError: if the layer is built otherwise.
        """
        return cls(
            attention=GroupedAttention.of(layer.self_attn),
            norm_before=layer.input_layernorm,
            norm_after=layer.post_attention_layernorm,
            gate=layer.mlp.gate_proj,
            up=layer.mlp.up_proj,
            down=layer.mlp.down_proj,
            activation=layer.mlp.act_fn,
        )

    def unsupported(self) -> str | None:
        """Why TTNN can't run it, or None."""
        name = type(self.activation).__name__
        if name not in ("SiLU", "SiLUActivation"):
            return f"the MLP's activation is {name}, not SiLU"
        return self.attention.unsupported()
