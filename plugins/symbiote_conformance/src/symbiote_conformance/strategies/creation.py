"""Calls that make tensors, and that bring them from torch or to it."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from symbiote_conformance.calls import Call
from symbiote_conformance.strategies import describe as d
from symbiote_conformance.strategies.basic import (
    dtypes,
    keywords,
    layouts,
    memory_configs,
    shapes,
    tensors,
    weighted,
)

FILLED: Final = ("zeros", "ones", "full", "empty")
LIKE: Final = ("zeros_like", "ones_like", "full_like", "empty_like")

_fills = weighted((3, st.sampled_from([0.0, 1.0, 0.5, -2.5])), (2, st.sampled_from([0, 1, 7, -1])))
_TORCH: Final = ("float32", "bfloat16", "float16", "int64", "int32", "int16", "uint8", "bool")


@st.composite
def filled_calls(draw: st.DrawFn, op: str) -> Call:
    """``zeros(shape, dtype=, layout=, device=, memory_config=)`` and its kin."""
    args: list[Any] = [list(draw(shapes()))]
    if op == "full":
        args.append(draw(_fills))
    return Call(op, args, draw(_placing(op)))


@st.composite
def _placing(draw: st.DrawFn, op: str) -> dict[str, Any]:
    given = draw(
        keywords(
            dtype=dtypes.map(d.dtype), layout=layouts.map(d.layout), memory_config=memory_configs
        )
    )
    if draw(weighted((5, True), (1, False))) and not op.endswith("_like"):
        given["device"] = d.device()
    return given


@st.composite
def like_calls(draw: st.DrawFn, op: str) -> Call:
    """``zeros_like(tensor, ...)`` and its kin."""
    args: list[Any] = [draw(tensors())]
    if op == "full_like":
        args.append(draw(_fills))
    given = draw(_placing(op))
    if draw(weighted((7, False), (1, True))):
        given["device"] = d.device()
    return Call(op, args, given)


@st.composite
def arange_calls(draw: st.DrawFn) -> Call:
    """``arange(end)``, ``arange(start, end)``, ``arange(start, end, step)``."""
    start = draw(st.sampled_from([0, 1, -3, 10]))
    end = draw(st.sampled_from([0, 1, 32, 33, 100, 256]))
    step = draw(st.sampled_from([1, 2, 3, -1, 0]))
    args = draw(weighted((2, [end]), (3, [start, end]), (2, [start, end, step])))
    given = draw(
        keywords(
            dtype=dtypes.map(d.dtype), layout=layouts.map(d.layout), memory_config=memory_configs
        )
    )
    if draw(weighted((3, True), (1, False))):
        given["device"] = d.device()
    return Call("arange", list(args), given)


@st.composite
def from_torch_calls(draw: st.DrawFn) -> Call:
    """``from_torch(tensor, ...)``; float64 without a dtype kills TTNN's process, so it is rare."""
    dtype = draw(st.sampled_from(_TORCH))
    shape = draw(weighted((12, shapes(max_rank=5)), (1, st.just(()))))
    more = {"t": 1} if len(shape) > 1 and draw(weighted((9, False), (1, True))) else {}
    given = draw(
        keywords(
            dtype=dtypes.map(d.dtype),
            memory_config=memory_configs,
            pad_value=st.sampled_from([0.0, 1.0]),
        )
    )
    if draw(st.booleans()):
        given["layout"] = d.layout(draw(layouts))
    if draw(weighted((3, True), (1, False))):
        given["device"] = d.device()
    return Call("from_torch", [d.torch_tensor(shape, dtype, **more)], given)


@st.composite
def to_torch_calls(draw: st.DrawFn) -> Call:
    """``to_torch(tensor, dtype=, torch_rank=)``."""
    x = draw(tensors(memory=weighted((3, "dram"), (1, "l1"), (2, "host"))))
    optional = {
        "dtype": st.sampled_from(["float32", "bfloat16", "int32"]).map(d.torch_dtype),
        "torch_rank": st.integers(1, 5),
    }
    return Call("to_torch", [x], draw(keywords(**optional)))
