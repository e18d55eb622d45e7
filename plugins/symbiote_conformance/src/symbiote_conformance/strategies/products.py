"""Calls of matrix products and of attention."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from symbiote_conformance.calls import Call
from symbiote_conformance.strategies import describe as d
from symbiote_conformance.strategies.basic import (
    counts,
    dtypes,
    float_dtypes,
    keywords,
    memory_configs,
    sizes,
    tensors,
    weighted,
)
from symbiote_conformance.strategies.rows import compute_configs

_names = st.sampled_from(["gelu", "relu", "silu", "tanh", "sigmoid", "exp", "sqrt", "quick_gelu"])
_float_results = float_dtypes.map(d.dtype)
_tiles = st.just("tile")


@st.composite
def product_calls(draw: st.DrawFn, op: str) -> Call:
    """``linear(a, b, bias=, ...)`` or ``matmul``: batches, transposes, activations, core grids."""
    m, k, n = (min(draw(sizes), 64) for _ in range(3))
    lead = [min(draw(counts), 3) for _ in range(draw(weighted((3, 0), (3, 1), (2, 2))))]
    flip_a, flip_b = (draw(weighted((5, False), (1, True))) for _ in range(2))
    batched = lead if draw(weighted((3, False), (1, True))) else []
    if batched and draw(weighted((5, False), (1, True))):
        batched = [1 for _ in batched]
    left = [*lead, k, m] if flip_a else [*lead, m, k]
    right = [*batched, n, k] if flip_b else [*batched, k, n]
    if not lead and not flip_a and draw(weighted((9, False), (1, True))):
        left = [k]
    a = draw(tensors(st.just(left), float_dtypes, _tiles))
    b = draw(tensors(st.just(right), float_dtypes, _tiles))
    given: dict[str, Any] = {}
    if flip_a:
        given["transpose_a"] = True
    if flip_b:
        given["transpose_b"] = True
    if op == "linear" and draw(st.booleans()):
        shape = draw(weighted((3, [1, n]), (3, [n]), (1, [1, 1, 1, n]), (1, [m, n])))
        given["bias"] = draw(
            tensors(st.just(shape), weighted((6, "bfloat16"), (1, dtypes)), _tiles)
        )
    given |= draw(
        keywords(
            memory_config=memory_configs,
            dtype=weighted((6, _float_results), (1, dtypes.map(d.dtype))),
            activation=_names,
            compute_kernel_config=compute_configs,
            core_grid=st.sampled_from([d.core_grid(), d.core_grid([1, 1]), d.core_grid([4, 8])]),
        )
    )
    return Call(op, [a, b], given)


@st.composite
def attention_calls(draw: st.DrawFn) -> Call:
    """``transformer.scaled_dot_product_attention(q, k, v, attn_mask=, is_causal=, ...)``."""
    batch = draw(st.sampled_from([1, 2]))
    kv = draw(st.sampled_from([1, 2, 3]))
    heads = kv * draw(weighted((3, 1), (1, 2)))
    length = draw(st.sampled_from([1, 7, 32, 33, 64]))
    causal = draw(weighted((2, True), (2, False), (1, None)))
    keys = length if causal is not False else draw(st.sampled_from([length, 32, 40, 64]))
    size = draw(weighted((6, 32), (3, 64), (1, 48)))
    dtype = draw(weighted((6, "bfloat16"), (1, "bfloat8_b"), (1, float_dtypes)))
    q = draw(tensors(st.just([batch, heads, length, size]), st.just(dtype), _tiles))
    k, v = (
        draw(tensors(st.just([batch, kv, keys, size]), st.just(dtype), _tiles)) for _ in range(2)
    )
    given: dict[str, Any] = {} if causal is None else {"is_causal": causal}
    if draw(weighted((3, causal is False), (1, False))):
        shape = [
            draw(weighted((2, 1), (2, batch))),
            draw(weighted((2, 1), (1, heads))),
            length,
            keys,
        ]
        given["attn_mask"] = draw(
            tensors(st.just(shape), weighted((5, "bfloat16"), (1, float_dtypes)), _tiles)
        )
    given |= draw(
        keywords(
            scale=st.sampled_from([0.125, 1.0]),
            memory_config=memory_configs,
            compute_kernel_config=compute_configs,
            sliding_window_size=st.sampled_from([0, 1, 8, 40]),
            output_concat_heads=st.booleans(),
        )
    )
    return Call("transformer.scaled_dot_product_attention", [q, k, v], given)


@st.composite
def split_heads_calls(draw: st.DrawFn) -> Call:
    """``transformer.split_query_key_value_and_split_heads(tensor, num_heads=, ...)``."""
    batch, length = draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 7, 32, 50]))
    heads = draw(st.sampled_from([1, 2, 4]))
    kv = draw(weighted((3, None), (1, heads), (1, 1)))
    size = draw(weighted((6, 32), (2, 64), (1, 48)))
    width = size * (heads + 2 * (heads if kv is None else kv))
    lead = draw(weighted((8, []), (1, [1])))
    x = draw(tensors(st.just([*lead, batch, length, width]), float_dtypes, _tiles))
    given: dict[str, Any] = {"num_heads": heads}
    if kv is not None:
        given["num_kv_heads"] = kv
    given |= draw(keywords(transpose_key=st.booleans(), memory_config=memory_configs))
    return Call("transformer.split_query_key_value_and_split_heads", [x], given)


@st.composite
def concatenate_heads_calls(draw: st.DrawFn) -> Call:
    """``transformer.concatenate_heads(tensor)``."""
    shape = [
        draw(st.sampled_from([1, 2])),
        draw(st.sampled_from([1, 2, 3, 4])),
        draw(st.sampled_from([1, 7, 32, 50])),
        draw(weighted((5, 32), (3, 64), (1, 48), (1, 16))),
    ]
    x = draw(tensors(st.just(shape), float_dtypes, _tiles))
    return Call("transformer.concatenate_heads", [x], draw(keywords(memory_config=memory_configs)))
