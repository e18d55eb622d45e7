"""The strategy of the plausible calls of each operation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hypothesis import strategies as st

from symbiote_conformance.calls import Call
from symbiote_conformance.strategies import (
    caches,
    creation,
    elementwise,
    heads,
    moves,
    products,
    rows,
)
from symbiote_conformance.strategies.wrong import sometimes_wrong

Calls = st.SearchStrategy[Call]


def _plausible() -> dict[str, Calls]:
    table: dict[str, Calls] = {op: elementwise.unary_calls(op) for op in elementwise.UNARY}
    for group in (
        elementwise.ARITHMETIC,
        elementwise.COMPARISONS,
        elementwise.LOGICAL,
        elementwise.EXTREMA,
    ):
        table |= {op: elementwise.binary_calls(op) for op in group}
    table |= {op: creation.filled_calls(op) for op in creation.FILLED}
    table |= {op: creation.like_calls(op) for op in creation.LIKE}
    table |= {op: rows.norm_calls(op) for op in ("layer_norm", "rms_norm")}
    table |= {op: rows.reduction_calls(op) for op in ("sum", "mean", "max", "min")}
    table |= {op: caches.fill_calls(op) for op in caches.FILLING}
    table |= {op: caches.update_calls(op) for op in caches.UPDATING}
    table |= {op: products.product_calls(op) for op in ("linear", "matmul")}
    table |= {op: moves.reshape_calls(op) for op in ("reshape", "view")}
    table |= {
        "__getitem__": moves.getitem_calls(),
        "arange": creation.arange_calls(),
        "argmax": rows.argmax_calls(),
        "chunk": moves.chunk_calls(),
        "clamp": elementwise.clamp_calls(),
        "clone": moves.clone_calls(),
        "concat": moves.concat_calls(),
        "copy": moves.copy_calls(),
        "deallocate": moves.deallocate_calls(),
        "embedding": rows.embedding_calls(),
        "expand": moves.expand_calls(),
        "experimental.nlp_concat_heads": heads.concat_heads_calls(),
        "experimental.nlp_concat_heads_decode": heads.concat_heads_decode_calls(),
        "experimental.nlp_create_qkv_heads": heads.create_heads_calls(),
        "experimental.nlp_create_qkv_heads_decode": heads.create_heads_decode_calls(),
        "experimental.rotary_embedding": heads.rotary_calls(),
        "experimental.rotary_embedding_hf": heads.rotary_hf_calls(),
        "experimental.paged_update_cache": caches.paged_update_calls(),
        "from_device": moves.from_device_calls(),
        "from_torch": creation.from_torch_calls(),
        "move": moves.move_calls(),
        "pad": moves.pad_calls(),
        "permute": moves.permute_calls(),
        "repeat": moves.repeat_calls(),
        "repeat_interleave": moves.repeat_interleave_calls(),
        "slice": moves.slice_calls(),
        "softmax": rows.softmax_calls(),
        "split": moves.split_calls(),
        "squeeze": moves.squeeze_calls(),
        "to_device": moves.to_device_calls(),
        "to_layout": moves.to_layout_calls(),
        "to_memory_config": moves.to_memory_config_calls(),
        "to_torch": creation.to_torch_calls(),
        "topk": rows.topk_calls(),
        "transformer.concatenate_heads": products.concatenate_heads_calls(),
        "transformer.scaled_dot_product_attention": products.attention_calls(),
        "transformer.scaled_dot_product_attention_decode": caches.attention_decode_calls(),
        "transformer.split_query_key_value_and_split_heads": products.split_heads_calls(),
        "transpose": moves.transpose_calls(),
        "typecast": moves.typecast_calls(),
        "unsqueeze": moves.unsqueeze_calls(),
        "where": elementwise.where_calls(),
    }
    return table


PLAUSIBLE: Mapping[str, Calls] = MappingProxyType(_plausible())
"""Calls of each operation as a kernel might make them, by path under ``ttnn``."""


def calls(op: str) -> Calls:
    """Calls of an operation: mostly plausible, some with one thing wrong.

    Args:
        op: path under ``ttnn``, such as ``transformer.concatenate_heads``.

    Raises:
        KeyError: there is no strategy for this operation.
    """
    return sometimes_wrong(plausible_calls(op))


def plausible_calls(op: str) -> Calls:
    """Calls of an operation as a kernel might make them; TTNN need not accept each.

    Raises:
        KeyError: there is no strategy for this operation.
    """
    strategy = PLAUSIBLE.get(op)
    if strategy is None:
        raise KeyError(
            f"There is no strategy for calls of {op!r}. Write one, and see "
            "symbiote_conformance.strategies.sometimes_wrong for wrong ones."
        )
    return strategy
