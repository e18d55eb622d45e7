"""Turning plausible calls into odd or wrong ones, one change at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

from hypothesis import strategies as st

from symbiote_conformance.calls import Call
from symbiote_conformance.strategies.basic import (
    BLOCK_FLOATS,
    FLOATS,
    INTEGERS,
    dims,
    memory_configs,
    shards,
    weighted,
)

SHARE: Final = 0.3
"""Of the generated calls are changed; some of the changes leave a call that TTNN takes."""


def described_tensors(value: Any) -> Iterator[dict[str, Any]]:
    """All described tensors in arguments, depth first."""
    if isinstance(value, dict):
        if value.get("$") == "T":
            yield value
        for inner in value.values():
            yield from described_tensors(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from described_tensors(inner)


@st.composite
def wrong(draw: st.DrawFn, call: Call) -> Call:
    """The call with one change."""
    changed = Call(call.op, copy.deepcopy(call.args), copy.deepcopy(call.kwargs))
    tensors = list(described_tensors([changed.args, changed.kwargs]))
    change = draw(_OF_TENSORS if tensors else _OF_ARGUMENTS)
    change(draw, changed, tensors)
    return changed


def _dtype(draw: st.DrawFn, _: Call, tensors: list[dict[str, Any]]) -> None:
    tensor = draw(st.sampled_from(tensors))
    tensor["d"] = draw(st.sampled_from([*FLOATS, *INTEGERS]))
    if tensor["d"] in BLOCK_FLOATS:
        tensor["l"] = "tile"


def _layout(draw: st.DrawFn, _: Call, tensors: list[dict[str, Any]]) -> None:
    tensor = draw(st.sampled_from(tensors))
    if tensor["d"] not in BLOCK_FLOATS:
        tensor["l"] = "rm" if tensor["l"] == "tile" else "tile"


def _size(draw: st.DrawFn, _: Call, tensors: list[dict[str, Any]]) -> None:
    tensor = draw(st.sampled_from(tensors))
    if tensor["s"]:
        dim = draw(st.integers(0, len(tensor["s"]) - 1))
        change = draw(st.sampled_from([1, -1, 32, 31]))
        tensor["s"][dim] = max(1, tensor["s"][dim] + change)


def _zero(draw: st.DrawFn, _: Call, tensors: list[dict[str, Any]]) -> None:
    tensor = draw(st.sampled_from(tensors))
    if tensor["s"]:
        tensor["s"][draw(st.integers(0, len(tensor["s"]) - 1))] = 0


def _rank(draw: st.DrawFn, _: Call, tensors: list[dict[str, Any]]) -> None:
    tensor = draw(st.sampled_from(tensors))
    if draw(st.booleans()):
        tensor["s"] = [1, *tensor["s"]]
    else:
        tensor["s"] = tensor["s"][1:]


def _host(draw: st.DrawFn, _: Call, tensors: list[dict[str, Any]]) -> None:
    draw(st.sampled_from(tensors))["m"] = "host"


def _freed(draw: st.DrawFn, _: Call, tensors: list[dict[str, Any]]) -> None:
    tensor = draw(st.sampled_from(tensors))
    if tensor["m"] != "host":
        tensor["freed"] = 1


def _sharded(draw: st.DrawFn, _: Call, tensors: list[dict[str, Any]]) -> None:
    tensor = draw(st.sampled_from(tensors))
    if len(tensor["s"]) >= 2 and tensor["l"] == "tile" and tensor["m"] != "host":
        columns, rows = draw(st.sampled_from([(1, 1), (1, 2), (2, 2), (1, 4)]))
        tensor["m"] = shards(tensor["s"], columns, rows)


def _unknown_keyword(draw: st.DrawFn, call: Call, _: list[dict[str, Any]]) -> None:
    call.kwargs[draw(st.sampled_from(["axis", "bogus"]))] = 1


def _memory_config(draw: st.DrawFn, call: Call, _: list[dict[str, Any]]) -> None:
    call.kwargs["memory_config"] = draw(memory_configs)


def _drop(_draw: st.DrawFn, call: Call, _: list[dict[str, Any]]) -> None:
    if call.args:
        call.args.pop()


def _replace(draw: st.DrawFn, call: Call, _: list[dict[str, Any]]) -> None:
    value = draw(st.sampled_from([None, "x", 1.5, True, 2, [1, 2]]))
    places: list[tuple[Any, Any]] = [(call.args, i) for i in range(len(call.args))]
    places += [(call.kwargs, key) for key in call.kwargs]
    if places:
        holder, key = draw(st.sampled_from(places))
        holder[key] = value


def _number(draw: st.DrawFn, call: Call, _: list[dict[str, Any]]) -> None:
    """Another integer where there is one: a dim out of range, a size that does not fit."""
    places: list[tuple[Any, Any]] = []
    holders: list[Any] = [call.args, call.kwargs, *(a for a in call.args if isinstance(a, list))]
    for holder in holders:
        keys: Any = range(len(holder)) if isinstance(holder, list) else holder
        places += [(holder, key) for key in keys if type(holder[key]) is int]
    if places:
        holder, key = draw(st.sampled_from(places))
        holder[key] = draw(st.one_of(dims(4), st.sampled_from([0, 7, 32, 1000])))


Change = Callable[[Any, Call, list[dict[str, Any]]], None]

_OF_ARGUMENTS = weighted((2, _replace), (2, _number), (1, _drop), (1, _unknown_keyword))
_OF_TENSORS: st.SearchStrategy[Change] = weighted(
    (10, _dtype),
    (8, _layout),
    (8, _size),
    (5, _rank),
    (2, _zero),
    (2, _sharded),
    (2, _host),
    (2, _freed),
    (3, _memory_config),
    (4, _number),
    (2, _replace),
    (1, _drop),
    (1, _unknown_keyword),
)


def sometimes_wrong(plausible: st.SearchStrategy[Call]) -> st.SearchStrategy[Call]:
    """Plausible calls, of which `SHARE` are changed."""
    return weighted(
        (round(100 * (1 - SHARE)) // 10, plausible),
        (round(100 * SHARE) // 10, plausible.flatmap(wrong)),
    )
