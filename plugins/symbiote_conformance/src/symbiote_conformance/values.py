"""Running a call on data and holding its values to the golden."""

from __future__ import annotations

from typing import Any

import attrs
import torch

from symbiote_conformance import tolerances
from symbiote_conformance.calls import Call
from symbiote_conformance.goldens import Golden, golden_of
from symbiote_conformance.running import Bench

BLOCK_FLOATS = {"BFLOAT8_B": "bfloat8_b", "BFLOAT4_B": "bfloat4_b"}


@attrs.frozen
class Compared:
    """The values of one call beside the golden.

    Attributes:
        call: the call.
        kind: the class of tolerance.
        worst: the largest error, in bounds: at most 1.0 is right.
        actual: the values [...], in float64.
        bound: how far they may be from the golden.
        args: the positional arguments, tensors as torch tensors of the stored values.
        kwargs: the keyword arguments, likewise.
    """

    call: Call
    kind: str
    worst: float
    actual: torch.Tensor
    bound: torch.Tensor
    args: list[Any]
    kwargs: dict[str, Any]


def compare_values(bench: Bench, call: Call) -> Compared | None:
    """Run a call and compare its values, or None where it is refused or has no golden.

    Args:
        bench: an open device whose operands have data, as of `symbiote_conformance.random_data`.
        call: the call.
    """
    try:
        args, kwargs = bench.build(call)
        values = [_stored(bench, a) for a in args]
        named = {key: _stored(bench, v) for key, v in kwargs.items()}
        result = bench.apply(call.op, args, kwargs)
    except Exception:  # a refusal is for `Parity` to judge
        return None
    if not bench.runtime.is_tensor(result):
        return None
    golden = golden_of(call, values, named)
    if golden is None:
        return None
    actual = bench.runtime.to_torch(result).double()
    if actual.shape != golden.value.shape:
        return None
    bound = _bound(golden, result.dtype.name, converted="dtype" in kwargs)
    if bound is None:
        return None
    worst = tolerances.worst(actual, golden.value, bound)
    return Compared(call, golden.kind, worst, actual, bound, values, named)


def _bound(golden: Golden, dtype: str, *, converted: bool) -> torch.Tensor | None:
    """The bound for results of a dtype; None where the golden does not say what they are.

    That is the rounding of floats to integers, and the blocks that hold an infinity or a NaN.
    """
    if "INT" in dtype:
        return golden.bound if golden.kind == "exact" and not converted else None
    if dtype in BLOCK_FLOATS:
        if not golden.value.isfinite().all():
            return None
        return torch.maximum(
            golden.bound, tolerances.block_float(golden.value, BLOCK_FLOATS[dtype])
        )
    if golden.kind == "exact" and converted:
        return tolerances.sum_or_product(golden.value)
    return golden.bound


def _stored(bench: Bench, value: Any) -> Any:
    """Tensors as torch tensors of their values; lists of them likewise."""
    if bench.runtime.is_tensor(value):
        return bench.runtime.to_torch(value)
    if isinstance(value, list):
        return [_stored(bench, v) for v in value]
    return value
