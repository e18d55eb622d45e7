"""BERT by the real TTNN's own validation and allocator, on mock chips.

A mock chip fixes the architecture for a process, so each runs in a process of its own.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "mock_program.py"


@functools.cache
def seen(arch: str) -> Any:
    """What the program saw; it runs once for all tests."""
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, PROGRAM, arch],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ["wormhole_b0", "blackhole"])
def test_strict_on_a_mock_chip(arch: str) -> None:
    told = seen(arch)
    assert told["shape"] == [2, 100, 30522]
    assert told["on torch"] == [0, 0]
    # Up: ids, pairs of position and type, the mask. Down: the logits.
    assert told["traffic"] == [30, 10]
    # The same memory and the same programs after ten forwards as after one.
    assert told["after ten"] == told["after one"]
    assert told["before"] == told["restored"] == [0, 0]


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ["wormhole_b0", "blackhole"])
def test_a_layer_is_eight_operations(arch: str) -> None:
    matmul, norm = "MatmulDeviceOperation", "LayerNormDeviceOperation"
    heads = ["NlpCreateHeadsDeviceOperation", "SDPAOperation"]
    assert seen(arch)["layer"] == [matmul, *heads, matmul, norm, matmul, matmul, norm]
