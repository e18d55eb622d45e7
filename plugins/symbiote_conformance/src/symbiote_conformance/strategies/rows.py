"""Calls over rows: softmax, norms, reductions, argmax, topk and embedding."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from symbiote_conformance.calls import Call
from symbiote_conformance.strategies import describe as d
from symbiote_conformance.strategies.basic import (
    dims,
    dtypes,
    fidelities,
    float_dtypes,
    keywords,
    layouts,
    memory_configs,
    shapes,
    sizes,
    tensors,
    weighted,
)

compute_configs = st.builds(
    lambda fidelity, wide: d.compute_config(
        math_fidelity=fidelity,
        math_approx_mode=False,
        fp32_dest_acc_en=wide,
        packer_l1_acc=False,
    ),
    fidelities,
    st.booleans(),
)


@st.composite
def softmax_calls(draw: st.DrawFn) -> Call:
    """``softmax(tensor, dim)``."""
    x = draw(tensors(dtype=weighted((9, float_dtypes), (1, dtypes))))
    args = [x, draw(dims(len(x["s"])))] if draw(weighted((3, True), (1, False))) else [x]
    optional = {
        "memory_config": memory_configs,
        "numeric_stable": st.booleans(),
        "compute_kernel_config": compute_configs,
    }
    return Call("softmax", args, draw(keywords(**optional)))


@st.composite
def _parameter(draw: st.DrawFn, width: int) -> d.Described:
    """A weight or bias of a norm in one of the forms that TTNN has for it."""
    rows = draw(weighted((4, False), (1, True)))
    if rows and width % 32 == 0:
        return d.tensor([1, 1, width // 32, 32], "bfloat16", "rm")
    lead = draw(weighted((2, []), (2, [1]), (1, [1, 1, 1])))
    dtype = draw(weighted((6, "bfloat16"), (1, float_dtypes), (1, dtypes)))
    return d.tensor([*lead, width], dtype, "tile")


@st.composite
def norm_calls(draw: st.DrawFn, op: str) -> Call:
    """``layer_norm(tensor, epsilon=, weight=, bias=, residual_input_tensor=)`` or ``rms_norm``."""
    x = draw(
        tensors(
            dtype=weighted((9, float_dtypes), (1, dtypes)), layout=weighted((9, "tile"), (1, "rm"))
        )
    )
    width = x["s"][-1]
    given: dict[str, Any] = {}
    if draw(st.booleans()):
        given["weight"] = draw(_parameter(width))
    if draw(st.booleans()):
        given["bias"] = draw(_parameter(width))
    residual = tensors(st.just(x["s"]), weighted((5, x["d"]), (1, float_dtypes)), st.just(x["l"]))
    given |= draw(
        keywords(
            epsilon=st.sampled_from([1e-5, 1e-12, 0]),
            residual_input_tensor=residual,
            memory_config=memory_configs,
            compute_kernel_config=compute_configs,
        )
    )
    return Call(op, [x], given)


@st.composite
def reduction_calls(draw: st.DrawFn, op: str) -> Call:
    """``sum(tensor, dim, keepdim)`` and its kin; dim is an integer, a list, or left out."""
    x = draw(tensors())
    rank = len(x["s"])
    several = st.lists(st.integers(-rank, rank - 1), min_size=1, max_size=3)
    dim = draw(weighted((8, dims(rank)), (3, several), (2, None)))
    given: dict[str, Any] = {}
    args = [x]
    if draw(st.booleans()):
        args.append(dim)
    elif dim is not None:
        given["dim"] = dim
    optional = {
        "keepdim": st.booleans(),
        "memory_config": memory_configs,
        "compute_kernel_config": compute_configs,
    }
    if draw(weighted((4, False), (1, True))):
        optional["scalar"] = st.sampled_from([1.0, 2.0, 0.5])
    return Call(op, args, {**given, **draw(keywords(**optional))})


@st.composite
def argmax_calls(draw: st.DrawFn) -> Call:
    """``argmax(tensor, dim, keepdim)``."""
    x = draw(tensors(layout=weighted((1, "tile"), (1, "rm"))))
    dim = draw(weighted((3, -1), (4, dims(len(x["s"]))), (1, None)))
    given = {"dim": dim} if dim is not None else {}
    return Call(
        "argmax",
        [x],
        {**given, **draw(keywords(keepdim=st.booleans(), memory_config=memory_configs))},
    )


@st.composite
def topk_calls(draw: st.DrawFn) -> Call:
    """``topk(tensor, k, dim, largest, sorted)``."""
    x = draw(tensors(shapes(max_volume=10_000)))
    rank = len(x["s"])
    dim = draw(weighted((6, -1), (1, dims(rank))))
    n = x["s"][dim] if -rank <= dim < rank else 32
    k = draw(weighted((4, st.integers(1, n)), (1, 32), (1, st.sampled_from([0, n + 1]))))
    args = [x, k, dim][: draw(st.integers(1, 3))]
    optional = {
        "largest": st.booleans(),
        "sorted": st.booleans(),
        "memory_config": memory_configs,
    }
    return Call("topk", args, draw(keywords(**optional)))


@st.composite
def embedding_calls(draw: st.DrawFn) -> Call:
    """``embedding(ids, table)``."""
    ids = draw(
        tensors(
            shapes(max_rank=3, max_volume=200),
            weighted((8, "uint32"), (1, "bfloat16"), (1, dtypes)),
            weighted((3, "rm"), (1, "tile")),
        )
    )
    width = draw(sizes)
    lead = draw(weighted((6, []), (1, [1]), (1, [1, 1])))
    table = draw(
        tensors(
            st.just([*lead, draw(weighted((1, 1), (8, st.sampled_from([20, 32, 100])))), width]),
            weighted((8, "bfloat16"), (1, dtypes)),
            weighted((2, "rm"), (1, "tile")),
        )
    )
    optional = {
        "layout": layouts.map(d.layout),
        "dtype": dtypes.map(d.dtype),
        "memory_config": memory_configs,
        "padding_idx": st.sampled_from([0, 3]),
    }
    if draw(weighted((5, False), (1, True))):
        optional["embeddings_type"] = st.sampled_from(["GENERIC", "PADDED", "BINARY"]).map(
            lambda name: d.named(f"EmbeddingsType.{name}")
        )
    return Call("embedding", [ids, table], draw(keywords(**optional)))
