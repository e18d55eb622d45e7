"""Seconds and memory of ``symbiote check`` on both chips."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from measure import say
from transformers import ViTConfig

ARCHS = "wormhole_b0,blackhole"

pytestmark = pytest.mark.ttnn


def run(command: list[str]) -> tuple[str, float, int]:
    """Standard output, seconds, and bytes of the largest of the command's processes at its peak."""
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        assert process.returncode == 0, output.read()[-2000:]
        output.seek(0)
        return output.read(), took, usage.ru_maxrss * 1024  # Linux counts in KiB


def test_checking_vit_base_on_both_chips(tmp_path: Path) -> None:
    ViTConfig(num_labels=1000, architectures=["ViTForImageClassification"]).save_pretrained(
        tmp_path
    )
    program = [sys.executable, "-m", "symbiote_cli", "check", str(tmp_path), "--random-weights"]
    (_, first, _), (told, again, peak) = (
        run([*program, "--arch", ARCHS, "--json"]) for _ in range(2)
    )
    results = json.loads(told)["architectures"]
    assert [(r["arch"], r["passed"]) for r in results] == [(a, True) for a in ARCHS.split(",")]
    say(
        f"symbiote check of ViT-base on {ARCHS.replace(',', ' and ')}",
        f"{first:.1f} s, then {again:.1f} s; peak memory {peak / 2**20:.0f} MiB",
        "no bound",
        "two runs, of which the first may have TTNN's kernels to build; random weights; resident "
        "memory of the largest process (one for each chip, one after another, and one that waits)",
    )
