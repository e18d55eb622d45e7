"""Values of the emulator beside TTNN's own golden functions, where these are right."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
import torch

from symbiote_conformance import Bench, Call, Compared, compare_values, random_data, tolerances
from symbiote_conformance.goldens import COVERED
from symbiote_conformance.sampling import sample
from symbiote_conformance.strategies import plausible_calls
from symbiote_conformance.strategies.describe import compute_config

PRODUCTS = ("linear", "matmul")
# Golden functions don't know the passes of the multipliers: all of them.
FULL = compute_config(
    math_fidelity="HiFi4", math_approx_mode=False, fp32_dest_acc_en=True, packer_l1_acc=False
)
TAKEN = frozenset(
    {
        "bias",
        "dim",
        "epsilon",
        "keepdim",
        "residual_input_tensor",
        "transpose_a",
        "transpose_b",
        "value",
        "weight",
    }
)
"""Keywords that change values; the others don't exist for golden functions."""

Unusable = Callable[[Compared], bool]


def number_beside(c: Compared) -> bool:
    return not all(isinstance(a, torch.Tensor) for a in c.args)


def unsigned(c: Compared) -> bool:
    return c.args[0].dtype in (torch.uint16, torch.uint32)


UNUSABLE: dict[str, tuple[Unusable, str]] = {
    "embedding": (lambda c: c.args[1].dim() != 2, "takes tables [V, D] only"),
    "linear": (lambda c: "bias" in c.kwargs, "takes biases [N] only for some shapes"),
    "logical_and": (number_beside, "takes no number"),
    "logical_or": (number_beside, "takes no number"),
    "logical_xor": (number_beside, "takes no number"),
    "max": (unsigned, "torch has no maximum of unsigned integers"),
    "min": (unsigned, "torch has no minimum of unsigned integers"),
    "repeat_interleave": (lambda c: c.args[0].dim() == 1, "refuses dimension -2 of a vector"),
    "layer_norm": (
        lambda c: (
            c.args[0].shape[-1] == 1
            or any(getattr(c.kwargs.get(k), "ndim", 1) == 4 for k in ("weight", "bias"))
        ),
        "is wrong with row-major weights [1, 1, n, 32], and fails with weights of one value",
    ),
}
"""Calls whose golden function is wrong or fails, with what is the matter with it."""


def wide(value: Any) -> Any:
    return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def with_all_passes(call: Call) -> Call:
    if call.op not in PRODUCTS:
        return call
    return Call(call.op, call.args, {**call.kwargs, "compute_kernel_config": FULL})


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench("emulator", random_data(0))


@pytest.mark.ttnn
@pytest.mark.parametrize("op", sorted(COVERED - {"__getitem__"}))
def test_ttnns_golden_function(bench: Bench, op: str) -> None:
    ttnn: Any = importlib.import_module("ttnn")
    golden = ttnn.get_golden_function(getattr(ttnn, op))
    unusable = UNUSABLE.get(op, (lambda _: False, ""))[0]
    judged = 0
    for call in sample(plausible_calls(op), 40):
        compared = compare_values(bench, with_all_passes(call))
        if compared is None or unusable(compared):
            continue
        named = {key: wide(v) for key, v in compared.kwargs.items() if key in TAKEN}
        expected = golden(*map(wide, compared.args), **named)
        assert expected.shape == compared.actual.shape, str(call)
        # Golden functions compute in float32.
        bound = 1.01 * compared.bound + 2.0**-20 * expected.double().abs()
        assert tolerances.worst(compared.actual, expected.double(), bound) <= 1.0, str(call)
        judged += 1
    assert judged >= 5
