"""OWL-ViT by the real TTNN's own validation, allocator and program factories, on mock chips.

A mock chip fixes the architecture for a process, so each runs in a process of its own.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from judged_kernels import kernels_of
from judged_owlvit import CASES, HEADS, SIZES, detector, layer, module_of
from mock_processes import told_by

import symbiote_owlvit

PROGRAM = Path(__file__).parent / "mock_program.py"
ARCHS = ("wormhole_b0", "blackhole")


@functools.cache
def seen(arch: str) -> Any:
    """What the program saw; it runs once for all tests."""
    return told_by(PROGRAM, arch)


@functools.cache
def model_of(size: str) -> Any:
    """The torch modules of a size."""
    return detector(size)


def expected_shape(name: str, size: str) -> list[int]:
    """The shape of what the torch module returns, told without its values."""
    case = CASES[name]
    module = module_of(model_of(size), case)
    values = case.values(SIZES[size])
    given = values if isinstance(values, tuple) else (values,)
    if name in ("vision layer", "text layer"):
        return list(given[0].shape)
    out = module(*given)
    return list((out[0] if isinstance(out, tuple) else out).shape)


def test_every_kernel_is_judged() -> None:
    assert {case.kernel for case in CASES.values()} == kernels_of(symbiote_owlvit)


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CASES)
def test_a_kernel_strict_on_a_mock_chip(arch: str, size: str, name: str) -> None:
    told = seen(arch)["kernels"][f"{name} {size}"]
    with torch.no_grad():
        assert told["shape"] == expected_shape(name, size)
    assert told["operations"] == list(CASES[name].operations)
    assert told["fallbacks"] == 0
    # The weights take memory while they are on the device, and give all of it back.
    assert told["made"] == told["freed"] == told["freed again"] == ["torch", 0, 0]
    assert told["preprocessed"] == told["brought back"] == ["host", 0, 0]
    state, dram, l1 = told["moved"]
    assert (state, l1) == ("device", 0)
    assert (dram > 0) == (name != "quick_gelu")
    assert told["called"] == told["called again"] == told["moved"]
    assert told["after all"] == told["after one"]


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ARCHS)
def test_a_detector_strict_on_a_mock_chip(arch: str) -> None:
    told = seen(arch)["model"]
    assert told["shapes"] == [[2, 576, 2], [2, 576, 4], [2, 24, 24, 768]]
    # Up: images, ids, what is masked, where the texts end. Down: the nine tensors of the output.
    assert told["traffic"] == [4, 9, 0, 0]
    assert told["all traffic"] == [400, 900, 0, 0]
    assert told["guided"] == [[1, 576, 1], [1, 576, 4]]
    assert told["on torch"] == [0, 0]
    assert told["fine logits"] == [2, 576, 2]
    # The same memory and the same programs after a hundred forwards as after the first.
    assert told["after all"] == told["after one"]
    assert told["allocated before"] == told["allocated restored"] == [0, 0]


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ARCHS)
def test_a_layer_of_either_tower_is_ten_operations(arch: str) -> None:
    layers = seen(arch)["model"]["layers"]
    assert len(layers) == 24
    assert all(operations == list(layer(HEADS)) for operations in layers.values())
    assert len(layer(HEADS)) == 10
