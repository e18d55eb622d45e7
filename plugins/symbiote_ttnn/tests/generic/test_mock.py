"""The generic policy by the real TTNN's own validation and allocator, on mock chips.

A mock chip fixes the architecture for a process, so each runs in a process of its own.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from generic_models import MODELS, build, outputs
from judged_generic import CASES
from judged_kernels import GEOMETRIES, kernels_of
from mock_processes import told_by

from symbiote_ttnn import generic

PROGRAM = Path(__file__).parent.parent / "mock_generic.py"
ARCHS = ("wormhole_b0", "blackhole")
WITHOUT_WEIGHTS = {generic.TTNNInterfaceAttention}
"""Judged by the models: it has no weights and no calls of its own."""


@functools.cache
def seen(arch: str) -> Any:
    """What the program saw; it runs once for all tests."""
    return told_by(PROGRAM, arch)


@functools.cache
def expected_shape(name: str, size: str) -> list[int]:
    """The shape of what the torch module returns."""
    case, geometry = CASES[name], GEOMETRIES[size]
    values = case.values(geometry)
    given = (values,) if isinstance(values, torch.Tensor) else values
    return list(case.layer(geometry)(*given).shape)


def test_every_kernel_is_judged() -> None:
    judged = {case.kernel for case in CASES.values()}
    assert judged | WITHOUT_WEIGHTS == kernels_of(generic)


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("size", GEOMETRIES)
@pytest.mark.parametrize("name", CASES)
def test_a_kernel_strict_on_a_mock_chip(arch: str, size: str, name: str) -> None:
    told = seen(arch)["kernels"][f"{name} {size}"]
    assert told["shape"] == expected_shape(name, size)
    assert told["operations"] == list(CASES[name].operations)
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
@pytest.mark.parametrize("name", MODELS)
def test_a_model_strict_on_a_mock_chip(arch: str, name: str) -> None:
    told = seen(arch)["models"][name]
    wanted = outputs(build(name), MODELS[name].inputs())
    assert told["shapes"] == {key: list(value.shape) for key, value in wanted}
    assert told["fallbacks"] == 0
    assert set(told["on torch"]) <= MODELS[name].on_torch
    # The same memory and the same programs after more forwards as after the first.
    assert told["after all"] == told["after one"]
    assert told["before"] == told["restored"] == [0, 0]
    assert told.get("generated", 2) == 2
