"""Every kernel at the sizes of ViT-base and ViT-large, strictly, by the real TTNN on mock chips."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from judged_kernels import CASES, GEOMETRIES, MATMUL, TTNNAttention, kernels_of
from mock_processes import told_by

import symbiote_ttnn
from symbiote_ttnn import TTNNImageTokens, TTNNOverSwapped, TTNNSelfAttention

PROGRAM = Path(__file__).parent / "mock_kernels.py"
ARCHS = ("wormhole_b0", "blackhole")


@functools.cache
def seen(arch: str) -> Any:
    """What the program saw; it runs once for all tests."""
    return told_by(PROGRAM, arch)


@functools.cache
def expected(name: str, size: str) -> tuple[list[int], bool]:
    """The shape of what the torch module returns, and whether it has weights."""
    case, geometry = CASES[name], GEOMETRIES[size]
    layer = case.layer(geometry)
    shape = layer(case.values(geometry)).shape
    return list(shape), any(True for _ in layer.parameters())


def test_every_kernel_is_judged() -> None:
    # TTNNSelfAttention leaves open where its layers are; the case's own subclass tells it.
    # TTNNImageTokens and TTNNOverSwapped are judged by their subclasses, in the packages of models.
    judged = {case.kernel for case in CASES.values()} - {TTNNAttention}
    bases = {TTNNSelfAttention, TTNNImageTokens, TTNNOverSwapped}
    assert judged | bases == kernels_of(symbiote_ttnn)


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("size", GEOMETRIES)
@pytest.mark.parametrize("name", CASES)
class TestOnAMockChip:
    def test_it_runs_as_so_many_device_operations(self, arch: str, size: str, name: str) -> None:
        told = seen(arch)[f"{name} {size}"]
        assert told["shape"] == expected(name, size)[0]
        assert told["operations"] == list(CASES[name].operations)
        # Each is a program of its own: no two calls are of the same shapes.
        assert told["programs"] == len(told["operations"])
        assert told["fallbacks"] == 0

    def test_its_weights_take_memory_and_give_it_back(
        self, arch: str, size: str, name: str
    ) -> None:
        told, case = seen(arch)[f"{name} {size}"], CASES[name]
        assert told["made"] == ["torch", 0, 0]
        assert told["preprocessed"] == ["host", 0, 0]
        state, dram, l1 = told["moved"]
        assert (state, l1) == ("device", 0)
        assert (dram > 0) == expected(name, size)[1]
        kept = ["host", 0, 0] if case.frees else told["moved"]
        assert told["called"] == told["called again"] == kept
        assert told["brought back"] == ["host", 0, 0]
        assert told["freed"] == told["freed again"] == ["torch", 0, 0]

    def test_more_forwards_leave_what_the_first_left(self, arch: str, size: str, name: str) -> None:
        told = seen(arch)[f"{name} {size}"]
        assert told["after all"] == told["after one"]
        assert told["after one"][0] > 0


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("size", GEOMETRIES)
def test_linear_and_gelu_are_one_program(arch: str, size: str) -> None:
    told = seen(arch)[f"TTNNLinearGelu {size}"]
    assert told["programs"] == 1
    assert told["operations"] == [MATMUL]


REFUSALS = {
    "layout": ("ttnn.linear", "ttnn_error", "Inputs to matmul must be tilized"),
    "mask": (
        "ttnn.transformer.scaled_dot_product_attention",
        "ttnn_error",
        "Mask sequence length must match Q sequence length",
    ),
    "memory": (
        "ttnn.empty",
        "out_of_memory",
        "Out of Memory: Not enough space to allocate 34359738368 B DRAM buffer across {banks} "
        "banks, where each bank needs to store {each} B, but bank size is {size} B.",
    ),
    "freed": (
        "ttnn.silu",
        "ttnn_error",
        "ttnn.silu(): the input tensor is not allocated. Free a tensor after its last use.",
    ),
}
BANKS = {
    "wormhole_b0": {"banks": 12, "each": 2863312896, "size": 1072693184},
    "blackhole": {"banks": 8, "each": 4294967296, "size": 4277141376},
}


@pytest.mark.ttnn
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("name", REFUSALS)
def test_what_ttnn_refuses_is_told_in_its_words(arch: str, name: str) -> None:
    told = seen(arch)["refused"][name]
    op, reason, text = REFUSALS[name]
    message = text.format(**BANKS[arch])
    [event] = told["events"]
    assert (event["op"], event["reason"], event["message"]) == (op, reason, message)
    assert told["strict event"] == event
    where = f"{event['kernel']} (plugin refused_calls) at '0' failed in {op} on [64, 64] float32"
    assert told["error"].startswith(f"{where} [{reason}]: {message.removesuffix('.')}. Strict ")
    [warning] = told["warnings"]
    assert warning.startswith(f"{where} [{reason}]: {message.removesuffix('.')}. It ran on torch")
    assert told["right"]
