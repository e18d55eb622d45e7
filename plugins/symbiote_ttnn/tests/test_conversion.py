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


IN_PIECES = """
import json, random, torch
from symbiote_core import open_device, runtime_of, use_runtime
from symbiote_ttnn import tile_transposed
from symbiote_ttnn.kernels import conversion

device = open_device(CHIP)
runtime = runtime_of(device)
ttnn, told, choose = runtime.ttnn, [], random.Random(0)
with use_runtime(runtime), torch.no_grad():
    for turn in range(60):
        dtype = getattr(ttnn, choose.choice(("bfloat16", "bfloat8_b", "bfloat4_b", "float32")))
        kind = choose.choice((torch.float32, torch.bfloat16))
        height = choose.randint(1, 150)
        rows = choose.choices((1, 31, 32, 40, 128, 200), k=turn % 3 + 1)
        weights = [torch.randn(n, height).to(kind) for n in rows]
        conversion.MOST_KEPT = 1 << 40
        want = tile_transposed(*weights, dtype=dtype, device=device)
        conversion.MOST_KEPT, conversion.PIECE = 0, choose.choice((0, 20_000, 60_000))
        made = tile_transposed(*weights, dtype=dtype, device=device)
        up = ttnn.to_device(made, device)
        told.append({
            "spec": made.spec == want.spec and up.spec == ttnn.to_device(want, device).spec,
            "values": torch.equal(ttnn.to_torch(made), ttnn.to_torch(want)),
        })
print(json.dumps(told))
"""


MEMORY = """
import json, torch
from pathlib import Path
from symbiote_core import open_device, runtime_of, use_runtime
from symbiote_ttnn import tile_transposed

def status(name):
    line = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(name))
    return int(line.split()[1]) * 1024

device = open_device("mock:wormhole_b0")
runtime = runtime_of(device)
eight_bits, weight = runtime.ttnn.bfloat8_b, torch.zeros(65_536, 2_048)
with use_runtime(runtime):
    tile_transposed(weight[:64], dtype=eight_bits)
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
    made = tile_transposed(weight, dtype=eight_bits, device=device)
print(json.dumps({"float32": weight.nbytes, "over": status("VmHWM") - before}))
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


@pytest.mark.ttnn
@pytest.mark.parametrize("chip", ["mock:wormhole_b0", "mock:blackhole", "mock:wormhole_b0:1x2"])
def test_a_large_matrix_is_the_same_piece_by_piece(chip: str) -> None:
    told = told_by(IN_PIECES.replace("CHIP", repr(chip)))
    assert told == [{"spec": True, "values": True}] * 60


@pytest.mark.ttnn
def test_a_large_matrix_takes_little_memory_beside_its_own() -> None:
    """TTNN alone takes a copy in tiles, and torch one more that is transposed."""
    told = told_by(MEMORY)
    packed = told["float32"] * 1088 / 4096  # bytes of a tile
    assert packed < told["over"] < packed + 0.25 * told["float32"]
