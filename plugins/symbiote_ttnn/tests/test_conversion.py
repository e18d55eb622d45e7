"""Weights of linear layers as matrices of TTNN."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import seeded
from mock_processes import told_by

from symbiote_core import runtime_of, use_runtime
from symbiote_ttnn import tile, tile_transposed
from symbiote_ttnn.kernels import conversion

PROGRAM = """
import json, torch
from symbiote_core import open_device, runtime_of, use_runtime
from symbiote_ttnn import tile_transposed

runtime = runtime_of(open_device("mock:wormhole_b0"))
ttnn, told = runtime.ttnn, {}
with use_runtime(runtime):
    for dtype in ("bfloat16", "bfloat8_b", "bfloat4_b", "float32"):
        weights = [torch.randn(rows, 70) for rows in (40, 8, 33)]
        given = getattr(ttnn, dtype)
        made = tile_transposed(*weights, dtype=given)
        tile_transposed(torch.randn(100, 70), dtype=given)
        across = torch.cat(weights).t().contiguous()
        want = ttnn.from_torch(across, dtype=given, layout=ttnn.TILE_LAYOUT)
        told[dtype] = torch.equal(ttnn.to_torch(made), ttnn.to_torch(want))
print(json.dumps(told))
"""


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    heights=st.lists(st.integers(1, 70), min_size=1, max_size=3),
    width=st.integers(1, 70),
    name=st.sampled_from(["bfloat16", "bfloat8_b", "bfloat4_b", "float32"]),
    half=st.booleans(),
    kept=st.sampled_from([0, 2000, conversion.MOST_KEPT]),
    at_once=st.sampled_from([1, 7, 64, conversion.ROWS_AT_ONCE]),
)
def test_a_matrix_is_the_weights_side_by_side_and_turned(
    emulator: Any,
    heights: list[int],
    width: int,
    name: str,
    half: bool,
    kept: int,
    at_once: int,
) -> None:
    runtime = runtime_of(emulator)
    ttnn, torch_dtype = runtime.ttnn, torch.bfloat16 if half else torch.float32
    weights = [seeded(n, width, seed=i).to(torch_dtype) for i, n in enumerate(heights)]
    with pytest.MonkeyPatch.context() as patch, use_runtime(runtime):
        patch.setattr(conversion, "MOST_KEPT", kept)
        patch.setattr(conversion, "ROWS_AT_ONCE", at_once)
        made = tile_transposed(*weights, dtype=getattr(ttnn, name))
        tile_transposed(seeded(90, width), dtype=getattr(ttnn, name))  # takes the same memory
        want = tile(torch.cat(weights).t(), getattr(ttnn, name))
    assert made.spec == want.spec
    assert torch.equal(ttnn.to_torch(made), ttnn.to_torch(want))


@pytest.mark.ttnn
def test_ttnn_makes_the_same_of_it() -> None:
    assert set(told_by(PROGRAM).values()) == {True}
