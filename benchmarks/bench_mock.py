"""Host time on the mock Wormhole: the swapped model, its kernels and its policies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from measure import say

PROGRAM = Path(__file__).parent / "mock_figures.py"

pytestmark = pytest.mark.ttnn


@pytest.fixture(scope="module")
def figures() -> Any:
    """What mock_figures.py measured, in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "wormhole_b0"], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_vit_base_beside_a_hand_written_one(figures: Any) -> None:
    swapped, hand = figures["forwards"]["vit"]["beside hand"]
    say(
        "ViT-base forward on the mock Wormhole, swapped / written by hand in TTNN",
        f"{swapped / hand:.2f} ({swapped * 1e3:.2f} ms / {hand * 1e3:.2f} ms)",
        "<= 1.25",
        "pixels in, logits out, both of "
        f"{figures['forwards']['hand']['operations']} device operations; medians of 101 "
        "alternating forwards in one process, torch with one thread in it",
    )
    assert figures["forwards"]["vit"]["operations"] == figures["forwards"]["hand"]["operations"]
    assert swapped / hand <= 1.25


@pytest.mark.parametrize("kernel", ["TTNNLinear", "TTNNLayerNorm"])
def test_a_kernel_beside_the_operation(figures: Any, kernel: str) -> None:
    for given, bound in (("TTNN tensor", "<= 1.5"), ("TorchTTNNTensor", "no bound")):
        called, direct = (1e6 * seconds for seconds in figures["kernels"][kernel][given])
        say(
            f"{kernel} on a device tensor ({given}) / TTNN's operation",
            f"{called / direct:.2f} ({called:.1f} us / {direct:.1f} us)",
            bound,
            "[1, 197, 768] to the same shape on the mock Wormhole, the same weights and arguments; "
            "medians of 101 alternating rounds of 50 calls",
        )
    called, direct = figures["kernels"][kernel]["TTNN tensor"]
    assert called / direct <= 1.5


def test_the_fine_policy_beside_the_coarse_one(figures: Any) -> None:
    fine, coarse = figures["forwards"]["vit-fine"]["beside vit"]
    say(
        "ViT-base forward on the mock Wormhole, policy vit-fine / policy vit",
        f"{fine / coarse:.2f} ({fine * 1e3:.2f} ms / {coarse * 1e3:.2f} ms); "
        + "; ".join(
            f"{policy}: {told['uploads']:g} uploads, {told['downloads']:g} downloads, "
            f"{told['operations']} device operations, {told['on torch']:g} operations on torch"
            for policy, told in figures["forwards"].items()
            if policy != "hand"
        ),
        "no bound",
        "medians of 101 alternating forwards in one process; what is counted is for one forward, "
        "the device operations from TTNN's graph capture",
    )
    assert figures["forwards"]["vit"]["uploads"] == 1
    assert figures["forwards"]["vit"]["downloads"] == 1
