"""Calls of unary, binary and ternary operations."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from symbiote_conformance.calls import Call
from symbiote_conformance.strategies import describe as d
from symbiote_conformance.strategies.basic import (
    broadcasts,
    dtypes,
    float_dtypes,
    integer_dtypes,
    keywords,
    memory_configs,
    shapes,
    tensors,
    weighted,
)

UNARY: Final = (
    "abs",
    "cos",
    "erf",
    "exp",
    "gelu",
    "identity",
    "log",
    "logical_not",
    "neg",
    "reciprocal",
    "relu",
    "relu6",
    "rsqrt",
    "selu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sqrt",
    "square",
    "tanh",
)
ARITHMETIC: Final = ("add", "subtract", "multiply", "divide", "rsub")
COMPARISONS: Final = ("eq", "ne", "gt", "ge", "lt", "le")
LOGICAL: Final = ("logical_and", "logical_or", "logical_xor")
EXTREMA: Final = ("maximum", "minimum", "pow")

_APPROXIMATE: Final = ("erf", "exp", "gelu", "log", "rsqrt", "sqrt", "tanh")

scalars = weighted(
    (4, st.sampled_from([0.5, 2.0, 1.5, -1.0])), (3, st.sampled_from([0, 1, 2, 3, -1]))
)
"""Python numbers beside a tensor."""

activations = st.sampled_from(
    [
        d.unary_type("RELU"),
        d.unary_type("SILU"),
        d.unary_type("GELU"),
        d.unary_type("EXP"),
        d.unary_type("SQRT"),
        d.unary_type("LEAKY_RELU"),
        d.unary_type("MUL_UNARY_SFPU"),
        d.unary("RELU"),
        d.unary("GELU", 1.0),
        d.unary("LEAKY_RELU", 0.1),
        d.unary("ELU", 1.0),
        d.unary("ADD_UNARY_SFPU", 1.0),
        d.unary("MUL_UNARY_SFPU", 1.702),
    ]
)
"""Fused activations; some need a parameter."""

activation_lists = st.lists(activations, min_size=1, max_size=2)


@st.composite
def unary_calls(draw: st.DrawFn, op: str) -> Call:
    """``op(tensor, ...)``."""
    x = draw(tensors())
    more: dict[str, Any] = {}
    if op in _APPROXIMATE:
        more["fast_and_approximate_mode"] = st.booleans()
    if op == "gelu":
        more["variant"] = st.sampled_from(["Accurate", "FastLut", "Tanh"]).map(
            lambda name: d.named(f"GeluVariant.{name}")
        )
    return Call(op, [x], draw(_with_output(x, memory_config=memory_configs, **more)))


@st.composite
def _with_output(draw: st.DrawFn, /, like: d.Described, **optional: Any) -> dict[str, Any]:
    """Keywords, rarely with an output tensor like ``like``."""
    given = draw(keywords(**optional))
    if draw(weighted((15, False), (1, True))):
        given["output_tensor"] = d.tensor(like["s"], draw(dtypes_like(like["d"])), like["l"])
    return given


def dtypes_like(dtype: str) -> st.SearchStrategy[str]:
    """Mostly the same dtype."""
    return weighted((5, dtype), (1, dtypes))


@st.composite
def binary_calls(draw: st.DrawFn, op: str) -> Call:
    """``op(tensor, tensor or number, ...)``; for some operations a number may come first."""
    shape = draw(shapes())
    dtype = draw(dtypes)
    layout = draw(weighted((8, "tile"), (1, "rm")))
    a = draw(tensors(st.just(shape), st.just(dtype), st.just(layout)))
    other = draw(weighted((3, broadcasts(shape)), (1, st.just(shape))))
    b: Any = draw(tensors(st.just(other), dtypes_like(dtype), st.just(layout)))
    if draw(weighted((4, False), (1, True))):
        b = draw(scalars)
    args = [a, b]
    if draw(weighted((9, False), (1, True))):
        args.reverse()
    optional: dict[str, Any] = {
        "memory_config": memory_configs,
        "dtype": dtypes.map(d.dtype),
        "activations": activation_lists,
    }
    if draw(weighted((5, False), (1, True))):
        optional["input_tensor_a_activations"] = activation_lists
        optional["input_tensor_b_activations"] = activation_lists
        optional["fast_and_approximate_mode"] = st.booleans()
    if op == "divide" and draw(weighted((3, False), (1, True))):
        optional["rounding_mode"] = st.sampled_from([None, "floor", "trunc", "ceil"])
    return Call(op, args, draw(_with_output(a, **optional)))


@st.composite
def where_calls(draw: st.DrawFn) -> Call:
    """``where(predicate, tensor or number, tensor or number)``."""
    shape = draw(shapes())
    dtype = draw(dtypes)
    predicate = draw(tensors(broadcasts(shape), dtypes_like(dtype)))
    choices: list[Any] = []
    for _ in range(2):
        value = tensors(broadcasts(shape), dtypes_like(dtype))
        choices.append(draw(weighted((3, value), (1, scalars))))
    return Call("where", [predicate, *choices], draw(keywords(memory_config=memory_configs)))


@st.composite
def clamp_calls(draw: st.DrawFn) -> Call:
    """``clamp(tensor, min, max)``: numbers of one kind, of both, None, or tensors."""
    x = draw(tensors(dtype=weighted((4, float_dtypes), (1, integer_dtypes))))
    bound = weighted(
        (4, st.sampled_from([-1.0, 0.0, 6.0])),
        (4, st.sampled_from([-1, 0, 6])),
        (1, None),
        (1, tensors(broadcasts(x["s"]), dtypes_like(x["d"]))),
    )
    low, high = draw(bound), draw(bound)
    args = [x] if draw(weighted((5, False), (1, True))) else [x, low, high]
    given = draw(keywords(memory_config=memory_configs))
    if len(args) == 1:
        given |= {"min": low, "max": high}
    return Call("clamp", args, given)
