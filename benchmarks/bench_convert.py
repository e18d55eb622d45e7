"""Converting Llama-3.2-1B: how fast beside TTNN's packer alone, and in how much memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from measure import say

PROGRAM = Path(__file__).parent / "convert_figures.py"
HOW = "Llama-3.2-1B, float32 to bfloat8_b and a bfloat16 table, for the mock Wormhole"

pytestmark = pytest.mark.ttnn


def told(*arguments: str) -> Any:
    """What the program measured, in a process of its own."""
    command = [sys.executable, str(PROGRAM), "wormhole_b0", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_converting_beside_the_packer() -> None:
    found = told("speed")
    ours, packer = (found["bytes"] / 1e6 / seconds for seconds in found["seconds"])
    say(
        "converting, MB of float32 a second: accelerate / TTNN's packer alone",
        f"{ours / packer:.2f} ({ours:.0f} / {packer:.0f})",
        ">= 0.8",
        f"{HOW}; the packer is given the matrices as torch has them, while TTNN multiplies with "
        "them transposed; medians of four turns in one process, each first in two of them",
    )
    assert ours / packer >= 0.8


def test_memory_of_converting(tmp_path: Path) -> None:
    for what, words in (
        ("loaded", "of a model in memory, let go of layer by layer: over the model's own"),
        ("checkpoint", "of a model read layer by layer: all it took beside the model's own"),
    ):
        found = told(what, str(tmp_path))
        share = found["over"] / found["own"]
        say(
            f"peak memory of converting, {words}",
            f"{share:.3f} ({found['over'] / 2**20:.0f} / {found['own'] / 2**20:.0f} MiB), "
            f"afterwards {found['left'] / 2**20:+.0f} MiB",
            "<= 0.15" if what == "loaded" else "<= 1.15",
            f"{HOW}; RssAnon of the process, looked at every 5 ms",
        )
        assert share <= (0.15 if what == "loaded" else 1.15)
