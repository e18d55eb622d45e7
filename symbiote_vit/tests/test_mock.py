"""ViT by the real TTNN's own validation, allocator and program factories, on mock chips.

A mock chip fixes the architecture for a process, so each runs in a process of its own.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from judged_kernels import GEOMETRIES, kernels_of
from judged_vit import KERNELS, NAMES, vit_input, vit_modules
from mock_processes import told_by

import symbiote_vit

PROGRAM = Path(__file__).parent / "mock_program.py"
ARCHS = ("wormhole_b0", "blackhole")


@functools.cache
def seen(arch: str) -> Any:
    """What the program saw; it runs once for all tests."""
    return told_by(PROGRAM, arch)


@functools.cache
def expected_shapes(size: str) -> dict[str, list[int]]:
    """The shapes of what the torch modules return."""
    geometry = GEOMETRIES[size]
    shapes = {}
    for name, module in vit_modules(geometry).items():
        out = module(vit_input(name, geometry))
        shapes[name] = list((out[0] if isinstance(out, tuple) else out).shape)
    return shapes


def test_every_kernel_is_judged() -> None:
    assert {KERNELS[name][0] for name in NAMES} == kernels_of(symbiote_vit)


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("size", GEOMETRIES)
@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_strict_on_a_mock_chip(arch: str, size: str, name: str) -> None:
    told = seen(arch)["kernels"][f"{name} {size}"]
    assert told["shape"] == expected_shapes(size)[name]
    assert told["operations"] == list(KERNELS[name][1])
    assert told["fallbacks"] == 0
    # The weights take memory while they are on the device, and give all of it back.
    assert told["made"] == told["freed"] == told["freed again"] == ["torch", 0, 0]
    assert told["preprocessed"] == told["brought back"] == ["host", 0, 0]
    state, dram, l1 = told["moved"]
    assert (state, l1) == ("device", 0)
    assert dram > 0
    assert told["called"] == told["called again"] == told["moved"]
    assert told["after all"] == told["after one"]


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ARCHS)
def test_vit_base_strict_on_a_mock_chip(arch: str) -> None:
    told = seen(arch)["model"]
    assert told["logits"] == [1, 1000]
    assert told["fallbacks"] == 0
    assert told["on torch"] == 0
    assert told["uploads"] == told["downloads"] == 1
    assert told["fine logits"] == [1, 1000]
    # The same memory and the same programs after a hundred forwards as after the first.
    assert told["after all"] == told["after one"]
    assert told["allocated before"] == told["allocated restored"] == [0, 0]
    # Ten operations; the activation is in the program of its matmul.
    assert told["layer operations"] == list(KERNELS["ViTLayer"][1])
    assert len(told["layer operations"]) == 10
