"""What is refused, and in which words: TTNN's own where the recorded answers have some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulator_golden import on_device, values
from emulator_vectors import FOLDER

from symbiote_conformance import Agreement
from symbiote_conformance.oracle import judge_file
from symbiote_emulator import ttnn
from symbiote_emulator.errors import (
    ArgumentMismatch,
    EmulatorError,
    NotEmulatedError,
    OperationRefused,
    WouldCrash,
)

TO_DEVICE = "Move the tensor with ttnn.to_device(tensor, device)."
KEEP = "Keep the tensor until its last use."


@pytest.fixture
def operands(device: Any) -> dict[str, Any]:
    x = values((32, 32))
    freed = on_device(x, device)
    ttnn.deallocate(freed)
    return {
        "good": on_device(x, device),
        "host": on_device(x, None),
        "freed": freed,
        "rows": on_device(x, device, layout=ttnn.ROW_MAJOR_LAYOUT),
        "whole": on_device(torch.ones(32, 32), device, ttnn.int32),
    }


MIXED = "Mixed dtype is not supported for binary operation BinaryOpType::ADD, dtype A: DataType::"
REFUSED = [
    (ttnn.linear, "host", "good", "Operand to matmul must be on device", TO_DEVICE),
    (ttnn.linear, "good", "host", "Device Operations expect device tensors as inputs", TO_DEVICE),
    (ttnn.linear, "freed", "good", "Input Tensor is not allocated", KEEP),
    (ttnn.linear, "good", "freed", "Input Tensor is not allocated", KEEP),
    (
        ttnn.linear,
        "rows",
        "good",
        "Inputs to matmul must be tilized",
        "Convert the tensor with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
    ),
    (ttnn.linear, "whole", "good", "Unsupported data format for input A: DataType::INT32", "cast"),
    (ttnn.linear, "good", "whole", "Unsupported data format for input B: DataType::INT32", "cast"),
    (
        ttnn.add,
        "host",
        "good",
        "Input tensor A must be on device, got storage type: StorageType::HOST",
        TO_DEVICE,
    ),
    (
        ttnn.add,
        "good",
        "host",
        "Input tensor B must be on device, got storage type: StorageType::HOST",
        TO_DEVICE,
    ),
    (ttnn.add, "freed", "good", "Input Tensor A is not allocated", KEEP),
    (ttnn.add, "good", "freed", "Input Tensor B is not allocated", KEEP),
    (ttnn.add, "whole", "good", MIXED + "INT32, dtype B: DataType::BFLOAT16", "typecast"),
]


@pytest.mark.parametrize(
    ("operation", "a", "b", "info", "do"), REFUSED, ids=[f"{r[0].__name__}-{r[1]}" for r in REFUSED]
)
def test_wrong_operands_are_refused_with_advice(
    operands: dict[str, Any], operation: Callable[..., Any], a: str, b: str, info: str, do: str
) -> None:
    with pytest.raises(OperationRefused) as caught:
        operation(operands[a], operands[b])
    name = operation.__name__
    assert isinstance(caught.value, RuntimeError)  # as TTNN's TT_FATAL
    assert str(caught.value).startswith(f"TT_FATAL @ {name}\ninfo:\n{info}\n")
    assert do in str(caught.value)
    assert caught.value.op == name


@pytest.mark.parametrize("operation", [ttnn.layer_norm, ttnn.relu], ids=["layer_norm", "relu"])
@pytest.mark.parametrize(("which", "state"), [("host", "on the host"), ("freed", "deallocated")])
def test_what_kills_ttnns_process_is_an_error_that_says_so(
    operands: dict[str, Any], operation: Callable[..., Any], which: str, state: str
) -> None:
    with pytest.raises(WouldCrash) as caught:
        operation(operands[which])
    text = str(caught.value)
    assert text.startswith(f"{operation.__name__}: refused, since TTNN 0.81.1 crashes the process")
    assert f"The operand is {state}." in text
    assert "ttnn.to_device" in text


def test_layer_norm_of_integers(operands: dict[str, Any]) -> None:
    info = "Input tensor must be FLOAT32, BFLOAT16, or BFLOAT8_B, got: DataType::INT32"
    with pytest.raises(OperationRefused, match=info):
        ttnn.layer_norm(operands["whole"])


@pytest.mark.parametrize("use", [ttnn.to_torch, ttnn.from_device, lambda t: t.to_list()])
def test_a_freed_tensor_has_no_data(operands: dict[str, Any], use: Callable[[Any], Any]) -> None:
    with pytest.raises(RuntimeError, match="The tensor was deallocated, so it has no data"):
        use(operands["freed"])


def test_float64_names_the_way_out(device: Any) -> None:
    double = torch.ones(2, dtype=torch.float64)
    with pytest.raises(WouldCrash) as caught:
        ttnn.from_torch(double, device=device)
    assert "torch.float64 tensor without dtype" in str(caught.value)
    assert "Pass dtype=ttnn.float32 or ttnn.bfloat16" in str(caught.value)
    assert ttnn.to_torch(ttnn.from_torch(double, dtype=ttnn.float32)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        (lambda t: ttnn.relu("x"), "relu(str)"),
        (lambda t: ttnn.relu(), "relu()"),
        (lambda t: ttnn.relu(t, bogus=1), "relu(ttnn.Tensor, bogus=1)"),
        (lambda t: ttnn.linear(t), "linear(ttnn.Tensor)"),
        (lambda t: ttnn.linear(t, 1.0), "linear(ttnn.Tensor, float)"),
        (lambda t: ttnn.add(t, None), "add(ttnn.Tensor, NoneType)"),
        (lambda t: ttnn.add(t, t, memory_config=3), "add(ttnn.Tensor, ttnn.Tensor, memory_config"),
        (lambda t: ttnn.layer_norm(t, t), "layer_norm(ttnn.Tensor, ttnn.Tensor)"),
        (lambda t: ttnn.layer_norm(t, eps=1e-5), "layer_norm(ttnn.Tensor, eps=1e-05)"),
        (lambda t: ttnn.relu(torch.ones(2)), "relu(torch.Tensor)"),
    ],
)
def test_arguments_that_fit_no_signature(
    operands: dict[str, Any], call: Callable[[Any], Any], shown: str
) -> None:
    with pytest.raises(TypeError) as caught:
        call(operands["good"])
    assert isinstance(caught.value, ArgumentMismatch)
    name = shown.split("(")[0]
    text = str(caught.value)
    assert text.startswith(
        f"ttnn.{name}(): incompatible function arguments.\n\nCalled with:\n  {shown}"
    )
    assert f"\n\nAvailable signatures:\n  {name}(input_tensor" in text


def test_python_functions_of_ttnn_word_it_as_python_does() -> None:
    with pytest.raises(
        TypeError, match=r"from_torch\(\) got an unexpected keyword argument 'axis'"
    ):
        ttnn.from_torch(torch.ones(2), axis=0)
    missing = r"from_torch\(\) missing 1 required positional argument: 'tensor'"
    with pytest.raises(TypeError, match=missing):
        ttnn.from_torch(dtype=ttnn.bfloat16)


@pytest.mark.parametrize("path", ["foo", "transformer.foo", "experimental.foo", "kv_cache.foo"])
def test_an_operation_that_is_not_there(path: str) -> None:
    space: Any = ttnn
    *spaces, name = path.split(".")
    for part in spaces:
        space = getattr(space, part)
    with pytest.raises(AttributeError, match=rf"The emulator has no 'ttnn\.{path}'") as caught:
        getattr(space, name)
    assert isinstance(caught.value, NotEmulatedError)
    assert isinstance(caught.value, EmulatorError)
    assert "Write it with @operation in a module of symbiote_emulator.operations" in str(
        caught.value
    )
    assert not hasattr(space, name)
    assert getattr(space, name, None) is None


@pytest.mark.parametrize("op", ["linear", "add", "layer_norm"])
def test_refusals_are_in_the_words_of_the_recorded_ones(op: str) -> None:
    verdicts = [
        v
        for v in judge_file(FOLDER / "oracle" / "oracle_wh.jsonl.gz", op=op)
        if v.record.status == "ref" and v.outcome is Agreement.AGREE
    ]
    said = [" ".join(v.record.answer["msg"].split())[:60] in v.detail for v in verdicts]
    assert len(said) > 25
    assert sum(said) / len(said) >= 0.85


def test_a_range_is_of_64_bits() -> None:
    most = 2**63 - 1
    assert ttnn.arange(most - 4, most, dtype=ttnn.int32).shape == [4]
    assert ttnn.arange(5, 0, -(2**63)).to_list() == [5.0]
    assert ttnn.arange(0, -(2**63), -(2**62)).shape == [2]
    for bounds in ((2**63,), (0, 5, 2**63), (-(2**63) - 1, 5)):
        with pytest.raises(ArgumentMismatch):
            ttnn.arange(*bounds)
    with pytest.raises(WouldCrash, match="over 64 bits"):
        ttnn.arange(0, most, 2**62)


def test_a_host_tensor_is_cut_without_steps() -> None:
    host = ttnn.from_torch(values((5, 4)))
    assert tuple(host[1:5:1].shape) == (4, 4)
    for step in (2, -1, 0):
        with pytest.raises(OperationRefused, match="with non-unit stride"):
            host[0:5:step]
