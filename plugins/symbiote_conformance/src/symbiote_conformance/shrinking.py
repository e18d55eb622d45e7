"""Making a call smaller while something stays true of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

from symbiote_conformance.calls import Call
from symbiote_conformance.strategies.wrong import described_tensors

_PLAIN: Final = (("m", "dram"), ("d", "bfloat16"), ("l", "tile"))
_SMALL: Final = (1, 2, 3, 32, 33, 64)


def smaller(call: Call, holds: Callable[[Call], bool], tries: int = 200) -> Call:
    """The call without what does not matter.

    Keywords are left out, tensors made plainer (DRAM, bfloat16, tiles), and sizes made smaller,
    each in all places at once, as long as ``holds`` is true.

    Args:
        call: a call of which ``holds`` is true.
        holds: must be true of the result.
        tries: at most so many calls are tried.
    """
    progress = True
    while progress and tries > 0:
        progress = False
        for candidate in _candidates(call):
            tries -= 1
            if holds(candidate):
                call, progress = candidate, True
                break
            if tries <= 0:
                break
    return call


def _candidates(call: Call) -> Iterator[Call]:
    for key in call.kwargs:
        yield Call(call.op, call.args, {k: v for k, v in call.kwargs.items() if k != key})
    count = len(list(described_tensors([call.args, call.kwargs])))
    for key, plain in _PLAIN:
        for i in range(count):
            changed = _copy(call)
            tensor = list(described_tensors([changed.args, changed.kwargs]))[i]
            if tensor[key] != plain and tensor.get("m") != "host":
                tensor[key] = plain
                yield changed
    sizes = {n for t in described_tensors([call.args, call.kwargs]) for n in t["s"]}
    for size in sorted(sizes, reverse=True):
        for small in _SMALL:
            if small < size:
                yield _resized(call, size, small)


def _copy(call: Call) -> Call:
    return Call(call.op, copy.deepcopy(call.args), copy.deepcopy(call.kwargs))


def _resized(call: Call, size: int, small: int) -> Call:
    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(v) for v in value]
        if isinstance(value, dict):
            return {k: change(v) for k, v in value.items()}
        return small if type(value) is int and value == size else value

    return Call(call.op, change(call.args), change(call.kwargs))
