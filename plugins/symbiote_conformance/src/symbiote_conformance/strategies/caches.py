"""Calls that write into a KV cache, and attention to one."""

from __future__ import annotations

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
from symbiote_conformance.strategies.rows import compute_configs

FILLING: Final = ("fill_cache", "kv_cache.fill_cache_for_user_")
UPDATING: Final = ("update_cache", "kv_cache.update_cache_for_token_")

_TILES: Final = st.just("tile")
_LENGTHS: Final = weighted((6, st.sampled_from([32, 64, 96])), (1, st.sampled_from([40, 50])))
_SIZES: Final = weighted((5, 32), (3, 64), (1, 40))
_KV_HEADS: Final = st.sampled_from([1, 2, 3, 4])
_cache_dtypes = weighted((7, "bfloat16"), (2, "bfloat8_b"), (2, "float32"), (1, float_dtypes))


def _user_shards(users: int, height: int, width: int) -> dict[str, Any]:
    """One user a core, as decode steps want it."""
    high, wide = (-(-n // 32) * 32 for n in (height, width))
    return {
        "sh": "HEIGHT_SHARDED",
        "g": [users, 1],
        "s": [high, wide],
        "o": "ROW_MAJOR",
        "b": "L1",
    }


@st.composite
def paged_update_calls(draw: st.DrawFn) -> Call:
    """``experimental.paged_update_cache(cache, input, update_idxs= or update_idxs_tensor=)``."""
    users, heads = draw(weighted((5, st.integers(1, 4)), (1, 8))), draw(_KV_HEADS)
    length, size = draw(_LENGTHS), draw(_SIZES)
    cache = draw(tensors(st.just([users, heads, length, size]), _cache_dtypes, _TILES))
    rows = draw(weighted((5, heads), (1, st.sampled_from([1, 8, 32]))))
    shards = _user_shards(users, rows, size)
    tokens = draw(
        tensors(
            st.just([1, users, rows, size]),
            weighted((6, "bfloat16"), (2, "float32"), (1, dtypes)),
            _TILES,
            weighted((12, shards), (1, places), (1, shards | {"b": "DRAM"})),
        )
    )
    given: dict[str, Any] = {}
    if draw(st.booleans()):
        position = weighted((39, st.integers(0, length - 1)), (1, length))
        count = draw(weighted((9, users), (1, users + 1)))
        given["update_idxs"] = [draw(position) for _ in range(count)]
    else:
        given["update_idxs_tensor"] = draw(
            tensors(
                st.just([users]),
                weighted((9, "int32"), (1, "uint32")),
                weighted((9, "rm"), (1, "tile")),
                weighted((9, "dram"), (1, "l1")),
            )
        )
    optional: dict[str, Any] = {"compute_kernel_config": compute_configs}
    if draw(weighted((7, False), (1, True))):
        optional |= {
            "share_cache": st.booleans(),
            "batch_offset": st.sampled_from([0, 1]),
            "block_size": st.just(32),
            "num_kv_heads": st.just(heads),
            "cache_position_modulo": st.just(32),
            "page_table": st.just(d.tensor([users, length // 32], "int32", "rm")),
        }
    return Call(
        "experimental.paged_update_cache", [cache, tokens], {**given, **draw(keywords(**optional))}
    )


@st.composite
def fill_calls(draw: st.DrawFn, op: str) -> Call:
    """``fill_cache(cache, input, user, update_idx=)`` or ``kv_cache.fill_cache_for_user_``."""
    users, heads, length, size = (draw(s) for s in (st.integers(1, 4), _KV_HEADS, _LENGTHS, _SIZES))
    cache = draw(tensors(st.just([users, heads, length, size]), _cache_dtypes, _TILES))
    rows = draw(st.sampled_from([1, 7, 32, 33, 64]))
    tiles = -(-rows // 32)
    tokens = draw(
        tensors(
            st.just([1, heads, rows, size]),
            weighted((9, cache["d"]), (1, float_dtypes)),
            _TILES,
            weighted((9, places), (1, _user_shards(heads * tiles, 32, size))),
        )
    )
    user = draw(weighted((9, st.integers(0, users - 1)), (1, users)))
    optional = {"update_idx": st.sampled_from([0, 32, 64, 16])}
    return Call(op, [cache, tokens, user], draw(keywords(**optional)))


@st.composite
def update_calls(draw: st.DrawFn, op: str) -> Call:
    """``update_cache(cache, input, position, batch_offset=)`` or its kin in ``kv_cache``."""
    users = draw(weighted((6, st.integers(1, 4)), (1, st.sampled_from([31, 32, 33]))))
    heads, size = draw(_KV_HEADS), draw(_SIZES)
    length = draw(_LENGTHS) if users < 5 else 32
    cache = draw(tensors(st.just([users, heads, length, size]), _cache_dtypes, _TILES))
    rows = draw(weighted((5, users), (1, st.sampled_from([1, 32, 33]))))
    tiles = -(-rows // 32)
    tokens = draw(
        tensors(
            st.just([1, heads, rows, size]),
            weighted((6, "bfloat16"), (2, cache["d"]), (1, float_dtypes)),
            _TILES,
            weighted((7, places), (1, _user_shards(heads, 32 * tiles, size))),
        )
    )
    position = draw(weighted((19, st.integers(0, length - 1)), (1, length)))
    optional = {
        "batch_offset": st.sampled_from([0, 1, 28]),
        "compute_kernel_config": compute_configs,
    }
    return Call(op, [cache, tokens, position], draw(keywords(**optional)))


@st.composite
def attention_decode_calls(draw: st.DrawFn) -> Call:
    """``transformer.scaled_dot_product_attention_decode(q, k, v, cur_pos=, ...)``."""
    users, kv = draw(st.integers(1, 4)), draw(_KV_HEADS)
    heads = kv * draw(st.sampled_from([1, 2, 4]))
    length = draw(weighted((9, st.sampled_from([32, 64, 96])), (1, 40)))
    size = draw(weighted((6, 32), (2, 64), (1, 40)))
    queries = weighted((9, "bfloat16"), (1, "bfloat8_b"), (1, float_dtypes))
    shards = _user_shards(users, heads, size)
    q = draw(
        tensors(
            st.just([1, users, heads, size]),
            queries,
            weighted((12, "tile"), (1, "rm")),
            weighted((8, "dram"), (3, shards), (1, "l1")),
        )
    )
    stored = draw(weighted((5, "bfloat16"), (3, "bfloat8_b"), (1, float_dtypes)))
    k, v = (
        draw(tensors(st.just([users, kv, length, size]), st.just(stored), _TILES, st.just("dram")))
        for _ in range(2)
    )
    given: dict[str, Any] = {}
    if draw(weighted((4, True), (1, False))):
        given |= draw(_positions(users, length))
    else:
        given["is_causal"] = False
        if draw(weighted((3, True), (1, False))):
            shape = [draw(weighted((1, 1), (2, users))), 1, heads, length]
            masks = weighted((5, "bfloat16"), (1, float_dtypes))
            given["attn_mask"] = draw(tensors(st.just(shape), masks, _TILES))
    given |= draw(
        keywords(
            scale=st.sampled_from([0.125, 1.0]),
            sliding_window_size=st.sampled_from([0, 1, 7, 33, 1000]),
            memory_config=weighted(
                (6, memory_configs), (1, d.memory_config(shards)), (1, d.memory_config("l1_hs"))
            ),
            compute_kernel_config=compute_configs,
        )
    )
    if draw(weighted((2, False), (1, True))):
        given["program_config"] = draw(_program_configs)
    return Call("transformer.scaled_dot_product_attention_decode", [q, k, v], given)


@st.composite
def _positions(draw: st.DrawFn, users: int, length: int) -> dict[str, Any]:
    if draw(st.booleans()):
        position = weighted((39, st.integers(0, length - 1)), (1, length))
        count = draw(weighted((9, users), (1, st.sampled_from([0, users + 1]))))
        return {"cur_pos": [draw(position) for _ in range(count)]}
    integers = weighted((6, "int32"), (2, "uint32"), (1, dtypes))
    tensor = tensors(
        weighted((9, st.just([users])), (1, st.just([1, users]))),
        integers,
        weighted((9, "rm"), (1, "tile")),
        weighted((9, "dram"), (1, "l1")),
    )
    return {"cur_pos_tensor": draw(tensor)}


_program_configs = st.builds(
    lambda chunk, grid: {"$": "sdpapc", "v": {"q": 0, "k": chunk, "g": grid}},
    weighted((3, 0), (4, 32), (1, st.sampled_from([16, 64, 96, 128]))),
    weighted((4, st.just([8, 8])), (2, st.just("full")), (1, st.sampled_from([[1, 1], [9, 9]]))),
)
