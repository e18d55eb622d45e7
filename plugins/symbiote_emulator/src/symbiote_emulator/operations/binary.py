# ruff: noqa: ARG001 - the parameters are TTNN's, not all of them matter here
"""Arithmetic of two operands.

The parameters of all are those of `symbiote_emulator.operations._binary.run`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.operations._binary import WIDE_INTEGERS, Rule, run
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DataType, MemoryConfig, UnaryWithParam

_ADD = Rule("ADD", torch.add, rounds_once=True)
_SUBTRACT = Rule("SUB", lambda a, b: torch.as_tensor(a) - b, rounds_once=True)
_RSUB = Rule("RSUB", lambda a, b: torch.as_tensor(b) - a, rounds_once=True)
_MULTIPLY = Rule("MUL", torch.mul, promotes=True, rounds_once=True)
_DIVIDE = Rule(
    "DIV",
    torch.div,
    WIDE_INTEGERS,
    promotes=True,
    exact_scalars=False,
    always_float=True,
    rounds_once=True,
)


def _rounded_quotient(a: torch.Tensor, b: torch.Tensor | float, *, mode: str) -> torch.Tensor:
    """Integers divided by 0 give 0, of which TTNN says nothing."""
    divisor = torch.as_tensor(b)
    if a.is_floating_point() or divisor.is_floating_point():
        return torch.div(a, divisor, rounding_mode=mode)
    zero = divisor == 0
    quotient = torch.div(a, divisor.masked_fill(zero, 1), rounding_mode=mode)
    return quotient.masked_fill(zero, 0)


_ROUNDED = {
    mode: Rule(
        "DIV",
        functools.partial(_rounded_quotient, mode=mode),
        WIDE_INTEGERS,
        promotes=True,
        exact_scalars=False,
        rounds_shards=True,
    )
    for mode in ("trunc", "floor")
}


@operation("ttnn.add")
def add(
    input_tensor_a: Tensor | int | float,
    input_tensor_b: Tensor | int | float,
    *,
    fast_and_approximate_mode: bool = True,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """Elementwise sum."""
    _check_fast(
        "ADD", fast_and_approximate_mode, input_tensor_a, input_tensor_b, dtype, output_tensor
    )
    return run(
        _ADD,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.subtract")
def subtract(
    input_tensor_a: Tensor | int | float,
    input_tensor_b: Tensor | int | float,
    *,
    fast_and_approximate_mode: bool = True,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """Elementwise difference."""
    _check_fast(
        "SUB", fast_and_approximate_mode, input_tensor_a, input_tensor_b, dtype, output_tensor
    )
    return run(
        _SUBTRACT,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.rsub")
def rsub(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    fast_and_approximate_mode: bool = True,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """Elementwise difference, second minus first."""
    _check_fast(
        "RSUB", fast_and_approximate_mode, input_tensor_a, input_tensor_b, dtype, output_tensor
    )
    return run(
        _RSUB,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.multiply")
def multiply(
    input_tensor_a: Tensor | int | float,
    input_tensor_b: Tensor | int | float,
    *,
    fast_and_approximate_mode: bool = False,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """Elementwise product; a 32-bit integer times a float is a float."""
    return run(
        _MULTIPLY,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.divide")
def divide(
    input_tensor_a: Tensor | int | float,
    input_tensor_b: Tensor | int | float,
    *,
    fast_and_approximate_mode: bool = False,
    rounding_mode: str | None = None,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """Elementwise quotient; 32-bit integers give FLOAT32."""
    if rounding_mode not in (None, "trunc", "floor"):
        raise OperationRefused(
            "Incorrect rounding mode (expected None, 'trunc', or 'floor')",
            "Pass one of these.",
        )
    if fast_and_approximate_mode and _are_int32(input_tensor_a, input_tensor_b):
        raise OperationRefused(
            "Integer Division does not support fast_and_approximate_mode=true",
            "Leave it out.",
        )
    if rounding_mode is not None:
        _check_unsigned(input_tensor_a, input_tensor_b)
    else:
        _check_integer_quotient(input_tensor_a, input_tensor_b, dtype, output_tensor)
    return run(
        _DIVIDE if rounding_mode is None else _ROUNDED[rounding_mode],
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


def _check_unsigned(a: Tensor | float, b: Tensor | float) -> None:
    """A quotient of two unsigned integers is refused, beside a float it is not."""
    unsigned = [getattr(v, "dtype", None) is DataType.UINT32 or isinstance(v, int) for v in (a, b)]
    if all(unsigned) and not all(isinstance(v, int) for v in (a, b)):
        raise OperationRefused(
            "Input tensor A dtype DataType::UINT32 is not supported for binary operation "
            "BinaryOpType::DIV",
            "Convert it with ttnn.typecast.",
        )


def _are_int32(a: Tensor | float, b: Tensor | float) -> bool:
    return all(type(v) is int or getattr(v, "dtype", None) is DataType.INT32 for v in (a, b))


def _check_integer_quotient(
    a: Tensor | float, b: Tensor | float, dtype: DataType | None, output: Tensor | None
) -> None:
    if not _are_int32(a, b):
        return
    if dtype not in (None, DataType.FLOAT32):
        raise OperationRefused(
            "Incorrect output_dtype value for Integer Division(rounding_mode=None) ; valid input "
            "values are None or ttnn.float32",
            "Leave dtype out, or convert the result with ttnn.typecast.",
            dtype=dtype,
        )
    if output is not None and output.dtype is not DataType.FLOAT32:
        raise OperationRefused(
            "For integer division, supported output dtype is FLOAT32",
            "Supply a FLOAT32 output tensor.",
            dtype=output.dtype,
        )


def _check_fast(
    name: str,
    fast: bool,
    a: Tensor | float,
    b: Tensor | float,
    dtype: DataType | None,
    output: Tensor | None,
) -> None:
    """The exact mode exists for BFLOAT16 only."""
    if fast:
        return
    first = next((t for t in (a, b) if isinstance(t, Tensor)), None)
    out = output.dtype if output is not None else dtype or (first.dtype if first else None)
    if out is not DataType.BFLOAT16:
        shown = out.name if out is not None else "INVALID"
        raise OperationRefused(
            "fast_and_approximate_mode=false is only supported for a BFLOAT16 output on binary "
            f"operation BinaryOpType::{name}, got output dtype DataType::{shown}.",
            "Leave fast_and_approximate_mode out.",
        )
