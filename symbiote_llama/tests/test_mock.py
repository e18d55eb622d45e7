"""Language models by the real TTNN's own validation and allocator, on mock chips.

A mock chip fixes the architecture for a process, so each runs in a process of its own.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from mock_processes import told_by

pytestmark = pytest.mark.ttnn

PROGRAM = Path(__file__).parent / "mock_program.py"
ARCHS = ("wormhole_b0", "blackhole")

LAYER = [
    "LayerNormDeviceOperation",
    "MatmulDeviceOperation",
    "NLPCreateQKVHeadsDecodeDeviceOperation",
    *["RotaryEmbeddingHfDeviceOperation"] * 2,
    *["PagedUpdateCacheDeviceOperation"] * 2,
    "SdpaDecodeDeviceOperation",
    "ReshapeViewDeviceOperation",
    "MatmulDeviceOperation",
    "BinaryNgDeviceOperation",
    "LayerNormDeviceOperation",
    *["MatmulDeviceOperation"] * 2,
    "BinaryNgDeviceOperation",
    "MatmulDeviceOperation",
    "BinaryNgDeviceOperation",
]
"""A decoder layer for one token of each sequence, by TTNN's names."""


@functools.cache
def seen(arch: str) -> Any:
    """What the program saw; it runs once for all tests."""
    return told_by(PROGRAM, arch)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2"])
def test_every_use_is_taken_and_nothing_runs_on_torch(arch: str, kind: str) -> None:
    shapes, cached, *on_torch = seen(arch)["uses"][kind]
    assert shapes == [[2, 25], [2, 25], [2, 25], [3, 17], [3, 12, 96]]
    assert cached == 20
    assert on_torch == [0, 0]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("length", [1, 31, 32, 33, 100, 128])
def test_a_prompt_at_a_real_width(arch: str, length: int) -> None:
    assert seen(arch)["geometry"][f"prompt {length}"] == [1, length, 1024]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("batch", [1, 4, 32])
def test_a_step_at_a_real_width(arch: str, batch: int) -> None:
    told = seen(arch)["geometry"]
    assert told[f"batch {batch}"] == [batch, 1, 1024]
    assert told[f"traffic {batch}"] == [2, 1]  # token and place up, logits down
    # After a hundred steps the memory and the programs are those of the first.
    first, last = told[f"left {batch}"]
    assert last == first


@pytest.mark.parametrize("arch", ARCHS)
def test_a_layer_is_seventeen_operations(arch: str) -> None:
    operations = seen(arch)["geometry"]["step 1"]
    first = operations.index("LayerNormDeviceOperation")
    assert operations[first : first + 17] == LAYER
    assert operations[first + 17 :] == ["LayerNormDeviceOperation", "MatmulDeviceOperation"]


@pytest.mark.parametrize("arch", ARCHS)
def test_nothing_is_left_behind(arch: str) -> None:
    told = seen(arch)["geometry"]
    assert told["on torch"] == [0, 0]
    assert told["restored"] == [0, 0]
