"""Goldens in float64 for described calls, each with the bound of its class of tolerance.

Only calls whose values are plain are covered: no fused activation, no integer arithmetic. For the
others `golden_of` is None, and a test of its own has to hold their values.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import torch

from symbiote_conformance import tolerances
from symbiote_conformance.build import torch_dtype
from symbiote_conformance.calls import Call

F = torch.nn.functional
Tensor = torch.Tensor


@attrs.frozen
class Golden:
    """What a call should give.

    Attributes:
        kind: the class of tolerance, as `symbiote_conformance.tolerances` names it.
        value: in float64.
        bound: how far values may be from it.
    """

    kind: str
    value: Tensor
    bound: Tensor


Maker = Callable[..., "Golden | None"]

_IGNORED: Final = frozenset(
    {"memory_config", "numeric_stable", "fast_and_approximate_mode", "dtype"}
)
"""Keywords that change no value beyond its rounding and the approximations of a chip."""

_PRODUCTS: Final = ("linear", "matmul")


def random_data(seed: int) -> Callable[[dict[str, Any]], Tensor]:
    """Data for `Bench`: normal values, or small integers; the same for the same seed and call."""
    generator = torch.Generator().manual_seed(seed)

    def make(described: dict[str, Any]) -> Tensor:
        dtype = torch_dtype(described["d"])
        shape = described["s"]
        if "int" in described["d"]:
            return torch.randint(0, 7, shape, generator=generator).to(dtype)
        return torch.randn(shape, generator=generator).to(dtype)

    return make


def golden_of(call: Call, args: list[Any], kwargs: Mapping[str, Any]) -> Golden | None:
    """The golden of a call, or None where its values are not plain.

    Args:
        call: the call; its described keywords tell what is asked for.
        args: its positional arguments, tensors as torch tensors of the stored values.
        kwargs: its keyword arguments, likewise.
    """
    maker = _MAKERS.get(call.op)
    if maker is None:
        return None
    ignored = _IGNORED if call.op in _PRODUCTS else _IGNORED | {"compute_kernel_config"}
    plain = {key: value for key, value in kwargs.items() if key not in ignored}
    try:
        inspect.signature(maker).bind(*args, **plain)
    except TypeError:  # arguments whose effect it does not know
        return None
    return maker(*args, **plain)


def _gelu(x: torch.Tensor) -> torch.Tensor:
    """Without the cancellation that torch's form has in the tail, in float64 too."""
    tail: torch.Tensor = torch.special.erfc(x * -math.sqrt(0.5))
    return 0.5 * x * tail


def _unary(function: Callable[[Tensor], Tensor], kind: str = "unary") -> Maker:
    def make(x: Tensor) -> Golden | None:
        if not x.is_floating_point():
            return None
        g = function(x.double())
        return Golden(kind, g, tolerances.exact(g) if kind == "exact" else tolerances.unary(g))

    return make


def _binary(function: Callable[[Tensor, Tensor], Tensor], kind: str) -> Maker:
    def make(a: Any, b: Any) -> Golden | None:
        a, b = (v if isinstance(v, Tensor) else torch.tensor(v) for v in (a, b))
        if not (a.is_floating_point() and (b.is_floating_point() or not b.dim())):
            return None
        g = function(a.double(), b.double())
        bound = tolerances.exact(g) if kind == "exact" else tolerances.sum_or_product(g)
        return Golden(kind, g.double(), bound)

    return make


def _interleaved(x: torch.Tensor, repeats: int, dim: int) -> torch.Tensor:
    """As torch; where TTNN does not look at the dimension, it may be any."""
    return x.repeat_interleave(repeats, 0 if x.dim() == 1 or repeats == 1 else dim)


def _move(function: Callable[..., Tensor]) -> Maker:
    def make(x: Tensor, *args: Any, **kwargs: Any) -> Golden:
        g = function(x.double(), *args, **kwargs)
        return Golden("exact", g, tolerances.exact(g))

    return make


def _softmax(x: Tensor, dim: int = -1) -> Golden:
    g = torch.softmax(x.double(), dim)
    return Golden("row", g, tolerances.row(g, dim))


def _norm(function: Callable[..., Tensor], epsilon: float = 1e-12) -> Maker:
    def make(
        x: Tensor,
        *,
        epsilon: float = epsilon,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        residual_input_tensor: Tensor | None = None,
    ) -> Golden | None:
        if not epsilon:
            return None
        total = x.double()
        if residual_input_tensor is not None:
            total = total + residual_input_tensor.double()
        g = function(total, x.shape[-1:], eps=epsilon)
        if weight is not None:
            g = g * weight.double().flatten()
        if bias is not None:
            g = g + bias.double().flatten()
        return Golden("row", g, tolerances.row(g))

    return make


def _reduction(mean: bool) -> Maker:
    def make(x: Tensor, dim: Any = None, keepdim: bool = False) -> Golden | None:
        if not x.is_floating_point() or not x.dim():
            return None
        dims = list(range(x.dim())) if dim is None else dim
        function = torch.mean if mean else torch.sum
        g = function(x.double(), dims, keepdim=keepdim)
        magnitude = function(x.double().abs(), dims, keepdim=keepdim)
        return Golden("reduction", g, tolerances.reduction(g, magnitude))

    return make


def _extremum(function: Callable[..., Tensor]) -> Maker:
    def make(x: Tensor, dim: Any = None, keepdim: bool = False) -> Golden | None:
        if not x.dim() or not x.numel():
            return None
        g = function(x.double(), list(range(x.dim())) if dim is None else dim, keepdim=keepdim)
        return Golden("exact", g, tolerances.exact(g))

    return make


_MASKS: Final = {"LoFi": ((-2, -8),), "HiFi2": ((-2, -1),), "HiFi3": ((-2, -1), (1, -8))}
"""Which bits of the mantissas of bfloat16 (first operand, second) the passes multiply; HiFi3's
second pass takes the last bit of the first operand. HiFi4 takes all."""


def _passes(a: Tensor, b: Tensor, fidelity: str) -> list[tuple[Tensor, Tensor]]:
    """The products that the passes of the multipliers add up, for operands exact in bfloat16."""
    a16, b16 = a.bfloat16(), b.bfloat16()
    if fidelity == "HiFi4":
        return [(a16.double(), b16.double())]
    high = _masked(a16, -2)
    terms = []
    for left, right in _MASKS[fidelity]:
        first = high if left == -2 else a16.double() - high
        terms.append((first, _masked(b16, right)))
    return terms


def _masked(x: Tensor, mask: int) -> Tensor:
    return (x.contiguous().view(torch.int16) & mask).view(torch.bfloat16).double()


def _product(
    a: Tensor,
    b: Tensor,
    *,
    bias: Tensor | None = None,
    transpose_a: bool = False,
    transpose_b: bool = False,
    compute_kernel_config: Any = None,
    core_grid: Any = None,
) -> Golden | None:
    """Of operands that are exact in bfloat16; without a configuration two passes, or one."""
    fidelity = "HiFi2" if core_grid is None else "LoFi"
    if compute_kernel_config is not None:
        fidelity = compute_kernel_config.math_fidelity.name
    if torch.float32 in (a.dtype, b.dtype) or min(a.dim(), b.dim()) < 2:
        return None
    a = a.transpose(-1, -2) if transpose_a else a
    b = b.transpose(-1, -2) if transpose_b else b
    g = sum((x @ y for x, y in _passes(a, b, fidelity)), torch.zeros((), dtype=torch.float64))
    bound = tolerances.product(g, a.double(), b.double())
    if bias is not None:
        g = g + bias.double()
        bound = bound + 2.0**-8 * g.abs()
    return Golden("product", g, bound)


def _pad(x: Tensor, padding: Any, value: float = 0.0) -> Golden:
    missing = x.dim() - len(padding)
    pairs = [(0, 0)] * missing + [tuple(p) for p in padding]
    flat = [n for pair in reversed(pairs) for n in pair]
    g = F.pad(x.double(), flat, value=float(value))
    return Golden("exact", g, tolerances.exact(g))


def _embedding(ids: Tensor, table: Tensor, **_: Any) -> Golden:
    g = (
        table.double()[ids.long()]
        if table.dim() == 2
        else table.double().flatten(0, -2)[ids.long()]
    )
    return Golden("exact", g, tolerances.exact(g))


def _slice(x: Tensor, starts: Any, stops: Any, steps: Any = None) -> Golden:
    steps = steps or [1] * len(starts)
    g = x.double()[tuple(slice(*b) for b in zip(starts, stops, steps, strict=True))]
    return Golden("exact", g, tolerances.exact(g))


_MAKERS: Final[Mapping[str, Maker]] = {
    "abs": _unary(torch.abs, "exact"),
    "cos": _unary(torch.cos),
    "erf": _unary(torch.erf),
    "exp": _unary(torch.exp),
    "gelu": _unary(_gelu),
    "identity": _unary(torch.clone, "exact"),
    "log": _unary(torch.log),
    "neg": _unary(torch.neg, "exact"),
    "reciprocal": _unary(torch.reciprocal),
    "relu": _unary(torch.relu, "exact"),
    "relu6": _unary(F.relu6, "exact"),
    "rsqrt": _unary(torch.rsqrt),
    "selu": _unary(F.selu),
    "sigmoid": _unary(torch.sigmoid),
    "sign": _unary(torch.sign, "exact"),
    "silu": _unary(F.silu),
    "sin": _unary(torch.sin),
    "sqrt": _unary(torch.sqrt),
    "square": _unary(torch.square),
    "tanh": _unary(torch.tanh),
    "add": _binary(torch.add, "sum_or_product"),
    "subtract": _binary(torch.sub, "sum_or_product"),
    "rsub": _binary(lambda a, b: b - a, "sum_or_product"),
    "multiply": _binary(torch.mul, "sum_or_product"),
    "divide": _binary(torch.div, "sum_or_product"),
    "maximum": _binary(torch.maximum, "exact"),
    "minimum": _binary(torch.minimum, "exact"),
    "eq": _binary(torch.eq, "exact"),
    "ne": _binary(torch.ne, "exact"),
    "gt": _binary(torch.gt, "exact"),
    "ge": _binary(torch.ge, "exact"),
    "lt": _binary(torch.lt, "exact"),
    "le": _binary(torch.le, "exact"),
    "logical_and": _binary(torch.logical_and, "exact"),
    "logical_or": _binary(torch.logical_or, "exact"),
    "logical_xor": _binary(torch.logical_xor, "exact"),
    "softmax": _softmax,
    "layer_norm": _norm(F.layer_norm),
    "rms_norm": _norm(F.rms_norm),
    "sum": _reduction(mean=False),
    "mean": _reduction(mean=True),
    "max": _extremum(torch.amax),
    "min": _extremum(torch.amin),
    "linear": _product,
    "matmul": _product,
    "embedding": _embedding,
    "pad": _pad,
    "slice": _slice,
    "__getitem__": _move(lambda x, index: x[index]),
    "clone": _move(torch.clone),
    "permute": _move(torch.permute),
    "transpose": _move(torch.transpose),
    "unsqueeze": _move(torch.unsqueeze),
    "repeat_interleave": _move(_interleaved),
}
COVERED: Final = frozenset(_MAKERS)
"""The operations that have goldens."""
