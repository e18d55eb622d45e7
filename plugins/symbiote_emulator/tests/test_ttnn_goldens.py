"""Values of the emulator beside TTNN's own golden functions, where these are right."""

from __future__ import annotations

import functools
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
        "attn_mask",
        "batch_offset",
        "bias",
        "cur_pos",
        "cur_pos_tensor",
        "dim",
        "epsilon",
        "is_causal",
        "keepdim",
        "residual_input_tensor",
        "scale",
        "sliding_window_size",
        "transpose_a",
        "transpose_b",
        "update_idx",
        "value",
        "weight",
    }
)
"""Keywords that change values; the others don't exist for golden functions."""

GOLDEN = sorted(op for op in COVERED - {"__getitem__"} if not op.startswith("experimental."))
"""TTNN has no golden functions of experimental operations, but a wrong one of rotary_embedding."""

Unusable = Callable[[Compared], bool]


def number_beside(c: Compared) -> bool:
    return not all(isinstance(a, torch.Tensor) for a in c.args)


def unsigned(c: Compared) -> bool:
    return c.args[0].dtype in (torch.uint16, torch.uint32)


def window_of_none(c: Compared) -> bool:
    return c.kwargs.get("sliding_window_size") == 0


def partly_padding(c: Compared) -> bool:
    cache, source = c.args[:2]
    rows, begin = source.shape[2], c.kwargs.get("update_idx", 0)
    return rows % 32 != 0 or begin + rows > cache.shape[2]


def fewer_users(c: Compared) -> bool:
    cache, source = c.args[:2]
    return c.kwargs.get("batch_offset", 0) + cache.shape[0] > source.shape[2]


UNUSABLE: dict[str, tuple[Unusable, str]] = {
    "embedding": (lambda c: c.args[1].dim() != 2, "takes tables [V, D] only"),
    "fill_cache": (partly_padding, "knows no padding, which TTNN copies"),
    "kv_cache.fill_cache_for_user_": (partly_padding, "knows no padding, which TTNN copies"),
    "kv_cache.update_cache_for_token_": (fewer_users, "knows no padding, which TTNN reads"),
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
    "transformer.scaled_dot_product_attention": (window_of_none, "takes 0 for a window"),
    "transformer.scaled_dot_product_attention_decode": (window_of_none, "takes 0 for a window"),
    "update_cache": (fewer_users, "knows no padding, which TTNN reads"),
}
"""Calls whose golden function is wrong or fails, with what is the matter with it."""


def wide(value: Any) -> Any:
    return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def with_all_passes(call: Call) -> Call:
    if call.op not in PRODUCTS:
        return call
    return Call(call.op, call.args, {**call.kwargs, "compute_kernel_config": FULL})


CANCELS = {"gelu": 2.0**-21}
"""Golden functions in which numbers cancel, in float32: 1 + erf(x) of gelu, up to 2.5e-7 |x|."""


@pytest.fixture
def bench() -> Bench:
    """One for each operation, so that its data do not depend on what ran before."""
    return Bench("emulator", random_data(0))


@pytest.mark.ttnn
@pytest.mark.parametrize("op", GOLDEN)
def test_ttnns_golden_function(bench: Bench, op: str) -> None:
    ttnn: Any = importlib.import_module("ttnn")
    golden = ttnn.get_golden_function(functools.reduce(getattr, op.split("."), ttnn))
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
        if op in CANCELS:
            bound = bound + CANCELS[op] * compared.args[0].double().abs()
        assert tolerances.worst(compared.actual, expected.double(), bound) <= 1.0, str(call)
        judged += 1
    assert judged >= 5
