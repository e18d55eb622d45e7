"""Calls of the experimental operations that split heads, turn them and put them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st

from symbiote_conformance.calls import Call
from symbiote_conformance.strategies import describe as d
from symbiote_conformance.strategies.basic import (
    dtypes,
    float_dtypes,
    keywords,
    memory_configs,
    places,
    tensors,
    weighted,
)

_TILES: Final = st.just("tile")
_head_dtypes = weighted((8, "bfloat16"), (2, "float32"), (1, float_dtypes))
_users = weighted((6, st.sampled_from([1, 2, 7, 8, 20, 32])), (1, st.sampled_from([33, 40])))
_head_sizes = weighted((6, 32), (4, 64), (1, st.sampled_from([16, 48, 96, 128])))


def sharded(
    kind: str, columns: int, rows: int, height: int, width: int, buffer: str = "L1"
) -> dict[str, Any]:
    """Shards of ``height`` x ``width`` on ``columns`` x ``rows`` cores."""
    return {
        "sh": f"{kind}_SHARDED",
        "g": [columns, rows],
        "s": [height, width],
        "o": "ROW_MAJOR",
        "b": buffer,
    }


def user_shards(shape: Sequence[int], columns: int = 8) -> dict[str, Any]:
    """Height shards of a tensor [1, B, H, D]: one user on each core, row by row."""
    users, height, width = (
        -(-n // step) * step for n, step in zip(shape[1:], (1, 32, 32), strict=True)
    )
    return sharded("HEIGHT", min(users, columns), -(-users // columns), height, width)


@st.composite
def create_heads_decode_calls(draw: st.DrawFn) -> Call:
    """``experimental.nlp_create_qkv_heads_decode(tensor, num_heads=, ...)``."""
    users, size = draw(_users), draw(_head_sizes)
    heads = draw(st.sampled_from([1, 2, 4, 8, 32]))
    kv = draw(weighted((1, None), (3, st.sampled_from([1, 2, 4])), (1, heads)))
    width = size * (heads + 2 * (heads if kv is None else kv))
    shards = sharded("WIDTH", width // size, 1, -(-users // 32) * 32, size)
    place = places if width // size > 8 else weighted((5, places), (2, shards))
    x = draw(tensors(st.just([1, 1, users, width]), _head_dtypes, _TILES, place))
    given: dict[str, Any] = {"num_heads": heads}
    if kv is not None:
        given["num_kv_heads"] = kv
    grid = st.sampled_from([(8, 1), (3, 3), (8, 4), (1, 8), (13, 3)])
    chosen = grid.map(lambda g: d.memory_config(sharded("HEIGHT", *g, 32, 32)))
    given |= draw(
        keywords(
            memory_config=weighted((2, d.memory_config("l1_hs")), (1, memory_configs), (2, chosen)),
            overlap_qk_coregrid=weighted((3, True), (1, None), (1, False)),
        )
    )
    return Call("experimental.nlp_create_qkv_heads_decode", [x], given)


@st.composite
def create_heads_calls(draw: st.DrawFn) -> Call:
    """``experimental.nlp_create_qkv_heads(tensor, keys and values, num_heads=, ...)``."""
    batch, length = draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 7, 32, 50, 64]))
    heads, size = draw(st.sampled_from([1, 2, 4])), draw(_head_sizes)
    kv = draw(weighted((1, None), (3, st.sampled_from([1, 2])), (1, heads)))
    kv_heads = heads if kv is None else kv
    given: dict[str, Any] = {"num_heads": heads}
    if kv is not None:
        given["num_kv_heads"] = kv
    if draw(weighted((2, True), (1, False))):
        width = size * (heads + 2 * kv_heads)
        args = [draw(tensors(st.just([batch, 1, length, width]), _head_dtypes, _TILES))]
    else:
        x = draw(tensors(st.just([batch, 1, length, heads * size]), _head_dtypes, _TILES))
        keys = draw(weighted((6, length), (1, st.sampled_from([33, 64]))))
        shape, dtype = [batch, 1, keys, 2 * kv_heads * size], weighted((9, x["d"]), (1, dtypes))
        args = [x, draw(tensors(st.just(shape), dtype, _TILES))]
    given |= draw(keywords(transpose_k_heads=st.booleans(), memory_config=memory_configs))
    return Call("experimental.nlp_create_qkv_heads", args, given)


@st.composite
def concat_heads_calls(draw: st.DrawFn) -> Call:
    """``experimental.nlp_concat_heads(tensor)``."""
    lead = [draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 2, 3, 4]))]
    shape = [*lead, draw(st.sampled_from([1, 7, 32, 50])), draw(_head_sizes)]
    x = draw(tensors(st.just(shape), _head_dtypes, _TILES))
    return Call("experimental.nlp_concat_heads", [x], draw(keywords(memory_config=memory_configs)))


@st.composite
def concat_heads_decode_calls(draw: st.DrawFn) -> Call:
    """``experimental.nlp_concat_heads_decode(tensor, num_heads=)``."""
    users = draw(weighted((6, st.sampled_from([1, 2, 7, 8, 16, 32])), (1, st.sampled_from([20]))))
    heads, size = draw(st.sampled_from([1, 2, 4, 8, 32, 33])), draw(_head_sizes)
    shape = [1, users, heads, size]
    place = draw(weighted((12, user_shards(shape)), (1, places), (1, user_shards(shape, 4))))
    x = draw(tensors(st.just(shape), _head_dtypes, _TILES, st.just(place)))
    count = draw(weighted((8, heads), (1, st.sampled_from([1, 2, 3, 32]))))
    given = {"num_heads": count, **draw(keywords(memory_config=memory_configs))}
    return Call("experimental.nlp_concat_heads_decode", [x], given)


@st.composite
def rotary_calls(draw: st.DrawFn) -> Call:
    """``experimental.rotary_embedding(tensor, cos, sin, token_index)``."""
    lead = [draw(weighted((3, 1), (1, 2))), draw(st.sampled_from([1, 2, 4]))]
    length = draw(weighted((6, st.sampled_from([32, 64])), (2, st.sampled_from([1, 7, 50]))))
    size = draw(_head_sizes)
    columns = lead[0] * lead[1]
    shards = sharded("HEIGHT", columns, 1, -(-length // 32) * 32, -(-size // 32) * 32)
    place = weighted((5, places), (1, shards))
    layout = weighted((9, "tile"), (1, "rm"))
    x = draw(tensors(st.just([*lead, length, size]), _head_dtypes, layout, place))
    if x["l"] == "rm":
        x["m"] = draw(places)
    longer = draw(weighted((4, length), (3, 64), (1, 128)))
    cos, sin = draw(_tables(st.just([1, 1, longer, size]), x["d"], places))
    args = [x, cos, sin]
    if lead[0] == 1 and draw(weighted((2, False), (1, True))):
        args.append(draw(weighted((6, st.integers(0, longer - 1)), (1, longer), (1, None))))
    memory = weighted((3, memory_configs), (1, d.memory_config(shards)))
    return Call("experimental.rotary_embedding", args, draw(keywords(memory_config=memory)))


@st.composite
def rotary_hf_calls(draw: st.DrawFn) -> Call:
    """``experimental.rotary_embedding_hf(tensor, cos, sin, is_decode_mode=)``."""
    return draw(_rotary_prefill() if draw(st.booleans()) else _rotary_decode())


def _rotary_hf(args: list[Any], given: dict[str, Any]) -> Call:
    return Call("experimental.rotary_embedding_hf", args, given)


@st.composite
def _rotary_prefill(draw: st.DrawFn) -> Call:
    lead = [draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 2, 4]))]
    length = draw(st.sampled_from([1, 7, 32, 50, 64]))
    size = draw(_head_sizes)
    columns = lead[0] * lead[1]
    shards = sharded("HEIGHT", columns, 1, -(-length // 32) * 32, -(-size // 32) * 32)
    x = draw(
        tensors(
            st.just([*lead, length, size]), _head_dtypes, _TILES, weighted((5, places), (1, shards))
        )
    )
    longer = draw(weighted((4, length), (2, 64), (1, 128)))
    first = draw(weighted((12, 1), (1, lead[0])))
    table = st.just([first, 1, longer, size])
    cos, sin = draw(_tables(table, x["d"], places))
    given = draw(
        keywords(
            is_decode_mode=st.just(False),
            memory_config=weighted((3, memory_configs), (1, d.memory_config(shards))),
        )
    )
    return _rotary_hf([x, cos, sin], given)


@st.composite
def _tables(
    draw: st.DrawFn, shape: st.SearchStrategy[Any], dtype: str, place: st.SearchStrategy[Any]
) -> list[d.Described]:
    """Cosines and sines, mostly of one dtype."""
    first = draw(weighted((6, dtype), (1, "bfloat16"), (1, dtypes)))
    second = draw(weighted((12, first), (1, dtypes)))
    return [draw(tensors(shape, st.just(name), _TILES, place)) for name in (first, second)]


@st.composite
def _rotary_decode(draw: st.DrawFn) -> Call:
    users = draw(st.sampled_from([1, 2, 7, 8, 20, 32]))
    heads, size = draw(st.sampled_from([1, 2, 4, 8, 32, 33])), draw(_head_sizes)
    shape, table = [1, users, heads, size], [1, users, draw(weighted((8, 1), (1, heads))), size]
    of_input, of_table = (
        draw(weighted((12, user_shards(s)), (1, places), (1, user_shards(s, 4))))
        for s in (shape, table)
    )
    x = draw(tensors(st.just(shape), _head_dtypes, _TILES, st.just(of_input)))
    cos, sin = draw(_tables(st.just(table), x["d"], st.just(of_table)))
    places_out = weighted(
        (2, d.memory_config("l1_hs")), (1, memory_configs), (1, d.memory_config(user_shards(shape)))
    )
    given = {"is_decode_mode": True, **draw(keywords(memory_config=places_out))}
    return _rotary_hf([x, cos, sin], given)
