"""What a decoder's forward does between the projections of its attentions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs

from symbiote_speecht5.cache import CrossLayer, SelfLayer
from symbiote_ttnn import ttnn


@attrs.frozen(eq=False)
class Heads:
    """What a step has to know of an attention.

    Attributes:
        index: the number of its decoder layer.
        count: how many heads it has.
        size: the width of a head.
        attend: keyword arguments of the attention: scale and compute configuration.
    """

    index: int
    count: int
    size: int
    attend: dict[str, Any]


Project = Callable[[Any], tuple[Any, Any]]
"""Keys and values, [B, heads, T, head_size] each, of the encoder's states [B, T, D]."""


@attrs.frozen(eq=False)
class Source:
    """What the cross-attentions of a forward attend to.

    Attributes:
        states: the encoder's states on the device, [B, T, D]; None if all layers have projected
            them.
        layers: where their keys and values are kept, or None.
        mask: [B, 1, S, T] on the device for several tokens, or None.
        last: the place of each row's last state, [B] of INT32, for one token.
    """

    states: Any
    layers: Sequence[CrossLayer] | None = None
    mask: Any = None
    last: Any = None

    def keys_and_values(self, index: int, project: Project) -> tuple[Any, Any]:
        """Those for decoder layer ``index``, projected now if they have not been yet."""
        if self.layers is None:
            return project(self.states)
        layer = self.layers[index]
        if layer.tt_keys is None:
            layer.tt_keys, layer.tt_values = project(self.states)
        return layer.tt_keys, layer.tt_values


class Step(Protocol):
    """One forward through all decoder layers."""

    @property
    def source(self) -> Source:
        """What the cross-attentions attend to."""

    def attend(self, qkv: Any, heads: Heads) -> Any:
        """Attend to the tokens before, from queries, keys and values to the merged heads."""

    def attend_across(self, query: Any, keys: Any, values: Any, heads: Heads) -> Any:
        """Attend to the encoder's states, from queries to the merged heads."""


@attrs.frozen(eq=False)
class Several:
    """Several tokens of each row, [B, S, D], or one without a cache.

    Attributes:
        source: what the cross-attentions attend to.
        layers: the cache to fill or to go on with, or None.
        mask: what is added to the scores, [1 or B, 1, S, T]; None for the causal mask alone.
    """

    source: Source
    layers: Sequence[SelfLayer] | None = None
    mask: Any = None

    def attend(self, qkv: Any, heads: Heads) -> Any:
        """Attend to the tokens before: [B, S, 3 * D] → [B, S, D]."""
        query, key, value = ttnn.transformer.split_query_key_value_and_split_heads(
            qkv, num_heads=heads.count, transpose_key=False
        )
        if self.layers is not None:
            key, value = self.layers[heads.index].extend(key, value)
        causal = {"is_causal": self.mask is None}
        return _attended(query, key, value, self.mask, heads, causal)

    def attend_across(self, query: Any, keys: Any, values: Any, heads: Heads) -> Any:
        """Attend to the encoder's states: [B, S, D] → [B, S, D]."""
        batch, length, _ = tuple(query.shape)
        query = ttnn.reshape(query, (batch, length, heads.count, heads.size))
        query = ttnn.transpose(query, 1, 2)
        return _attended(query, keys, values, self.source.mask, heads, {"is_causal": False})


def _attended(
    query: Any, key: Any, value: Any, mask: Any, heads: Heads, more: dict[str, Any]
) -> Any:
    out = ttnn.transformer.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, output_concat_heads=True, **more, **heads.attend
    )
    batch, _, length, width = tuple(out.shape)
    return ttnn.reshape(out, (batch, length, width))


@attrs.frozen(eq=False)
class Token:
    """One more token of each row behind a cache: [1, 1, B, D].

    Attributes:
        source: what the cross-attentions attend to.
        layers: the cache, with room for it.
        places: where each row's token goes, [B] of INT32.
        program: TTNN's program configuration of the attention.
    """

    source: Source
    layers: Sequence[SelfLayer]
    places: Any
    program: Any

    def attend(self, qkv: Any, heads: Heads) -> Any:
        """Write the token's key and value, and attend to the cache: [1, 1, B, 3 * D] → [… D]."""
        query, key, value = ttnn.experimental.nlp_create_qkv_heads_decode(
            qkv, num_heads=heads.count, num_kv_heads=heads.count
        )
        layer = self.layers[heads.index]
        layer.write(key, value, self.places)
        return self._attended(query, layer.tt_keys, layer.tt_values, self.places, heads)

    def attend_across(self, query: Any, keys: Any, values: Any, heads: Heads) -> Any:
        """Attend to each row's real states: [1, 1, B, D] → [1, 1, B, D]."""
        query = ttnn.reshape(query, (1, int(query.shape[2]), heads.count, heads.size))
        return self._attended(query, keys, values, self.source.last, heads)

    def _attended(self, query: Any, keys: Any, values: Any, last: Any, heads: Heads) -> Any:
        out = ttnn.transformer.scaled_dot_product_attention_decode(
            query,
            keys,
            values,
            cur_pos_tensor=last,
            program_config=self.program,
            **heads.attend,
        )
        return ttnn.reshape(out, (1, 1, int(out.shape[1]), heads.count * heads.size))
