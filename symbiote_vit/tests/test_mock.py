"""The kernels at real geometry on mock chips: TTNN takes every call, and nothing leaks.

A process has one architecture, so each runs in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "mock_program.py"


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ["wormhole_b0", "blackhole"])
def test_vit_base_strict_on_a_mock_chip(arch: str) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), arch], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["logits"] == [2, 1000]
    assert told["fallbacks"] == 0
    assert told["on torch"] == 0
    assert told["uploads"] == told["downloads"] == 1
    assert told["fine logits"] == [1, 1000]
    # The same memory and the same programs after twenty forwards as after the first.
    assert told["allocated after"] == told["allocated"]
    assert told["programs after"] == told["programs"]
    assert told["allocated restored"] == told["allocated before"]
    operations = told["layer operations"]
    assert len(operations) <= 10, operations
    # The activation is in the program of its matmul.
    assert not any("Unary" in name for name in operations), operations
