"""What a forward does between the projections of an attention, by where its tokens stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import attrs

from symbiote_llama.cache import DeviceCacheLayer
from symbiote_ttnn import ttnn


@attrs.frozen(eq=False)
class Heads:
    """What a step has to know of an attention.

    Attributes:
        index: the number of its decoder layer.
        query, shared: numbers of query heads, and of key and value heads.
        width: of all query heads together.
        attend: keyword arguments of the attention: scale, sliding window, compute configuration.
    """

    index: int
    query: int
    shared: int
    width: int
    attend: dict[str, Any]


class Step(Protocol):
    """One forward through all decoder layers."""

    def attend(self, qkv: Any, heads: Heads) -> Any:
        """Attend, from the projected queries, keys and values to the merged heads."""


def _split(qkv: Any, heads: Heads) -> Any:
    return ttnn.transformer.split_query_key_value_and_split_heads(
        qkv, num_heads=heads.query, num_kv_heads=heads.shared, transpose_key=False
    )


def _attended(query: Any, key: Any, value: Any, options: dict[str, Any], **seen: Any) -> Any:
    """[B, heads, S, head_size] → [B, S, heads * head_size]."""
    out = ttnn.transformer.scaled_dot_product_attention(
        query, key, value, output_concat_heads=True, **options, **seen
    )
    batch, _, length, width = tuple(out.shape)
    return ttnn.reshape(out, (batch, length, width))


def _masked(query: Any, key: Any, value: Any, mask: Any, heads: Heads) -> Any:
    """Attend to what the mask shows; it knows of the sliding window, TTNN takes only one."""
    options = {name: v for name, v in heads.attend.items() if name != "sliding_window_size"}
    return _attended(query, key, value, options, attn_mask=mask, is_causal=False)


@attrs.frozen(eq=False)
class Rotation:
    """Rotates heads [B, H, S, head_size] by the positions of their tokens.

    Attributes:
        cos, sin: [1, 1, S, head_size] if all rows stand at the same positions, else
            [B, 1, S, head_size].
        turn: [head_size, head_size], see `half_turn`; needed where rows stand at different
            positions, for which TTNN has no operation of its own.
    """

    cos: Any
    sin: Any
    turn: Any = None

    def __call__(self, x: Any) -> Any:
        """``x * cos + rotate_half(x) * sin``."""
        if self.turn is None:
            return ttnn.experimental.rotary_embedding_hf(x, self.cos, self.sin)
        turned = ttnn.multiply(ttnn.matmul(x, self.turn), self.sin)
        return ttnn.add(ttnn.multiply(x, self.cos), turned)


@attrs.frozen(eq=False)
class Prompt:
    """The first tokens of each row: [B, S, D]. What stands behind a row's last one is ignored.

    Attributes:
        rotate: the rotation by positions.
        layers: the cache to fill, or None.
        mask: what is added to the scores, [1 or B, 1, S, S], if tokens see other ones than those
            before them, in the sliding window.
    """

    rotate: Rotation
    layers: Sequence[DeviceCacheLayer] | None = None
    mask: Any = None

    def attend(self, qkv: Any, heads: Heads) -> Any:
        """Attend to the tokens before, in the prompt, or to those that the mask shows."""
        query, key, value = _split(qkv, heads)
        query, key = self.rotate(query), self.rotate(key)
        if self.layers is not None:
            self.layers[heads.index].fill(key, value)
        if self.mask is None:
            return _attended(query, key, value, heads.attend, is_causal=True)
        return _masked(query, key, value, self.mask, heads)


@attrs.frozen(eq=False)
class Continuation:
    """More tokens, [B, S, D], behind a cache whose rows all have as many.

    Attributes:
        rotate: the rotation by positions.
        layers: the cache.
        masks: what is added to the scores, [1, 1, S, T], by the size of the sliding window.
    """

    rotate: Rotation
    layers: Sequence[DeviceCacheLayer]
    masks: dict[int | None, Any]

    def attend(self, qkv: Any, heads: Heads) -> Any:
        """Attend to the cache and to the new tokens before."""
        query, key, value = _split(qkv, heads)
        keys, values = self.layers[heads.index].extend(self.rotate(key), value)
        mask = self.masks[heads.attend.get("sliding_window_size")]
        return _masked(self.rotate(query), keys, values, mask, heads)


@attrs.frozen(eq=False)
class Token:
    """One more token of each row: [1, 1, B, D].

    Attributes:
        cos, sin: [1, B, 1, head_size], HEIGHT_SHARDED, a core for each row.
        places: where each row's token goes, [B] of INT32.
        program: TTNN's program configuration of the attention.
        layers: the cache, with room for it.
        rows: B.
    """

    cos: Any
    sin: Any
    places: Any
    program: Any
    layers: Sequence[DeviceCacheLayer]
    rows: int

    def attend(self, qkv: Any, heads: Heads) -> Any:
        """Write the token's key and value, and attend to the cache."""
        query, key, value = ttnn.experimental.nlp_create_qkv_heads_decode(
            qkv, num_heads=heads.query, num_kv_heads=heads.shared
        )
        rotate = ttnn.experimental.rotary_embedding_hf
        query = rotate(query, self.cos, self.sin, is_decode_mode=True)
        layer = self.layers[heads.index]
        layer.write(rotate(key, self.cos, self.sin, is_decode_mode=True), value, self.places)
        out = ttnn.transformer.scaled_dot_product_attention_decode(
            query,
            layer.tt_keys,
            layer.tt_values,
            cur_pos_tensor=self.places,
            program_config=self.program,
            **heads.attend,
        )
        return ttnn.reshape(out, (1, 1, self.rows, heads.width))
