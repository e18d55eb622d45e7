"""The greater and the lesser of two operands, and powers.

The parameters of all are those of `symbiote_emulator.operations._binary.run`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.errors import IncompatibleArguments, OperationRefused
from symbiote_emulator.numerics import FLOATS
from symbiote_emulator.operations._binary import WIDE_INTEGERS, Rule, run
from symbiote_emulator.operations._common import emit, fill_output, require_device_or_crash
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DataType, MemoryConfig, UnaryWithParam


def _extremum(name: str, function: Any) -> Rule:
    return Rule(
        name,
        lambda a, b: function(a, torch.as_tensor(b, dtype=a.dtype)),
        WIDE_INTEGERS,
        mixes_floats=False,
        exact_scalars=False,
    )


_MAXIMUM = _extremum("MAXIMUM", torch.maximum)
_MINIMUM = _extremum("MINIMUM", torch.minimum)
_POWER = Rule("POWER", lambda a, b: torch.pow(a, b), frozenset(), mixes_floats=False)


@operation("ttnn.maximum")
def maximum(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
) -> Tensor:
    """The greater of two values."""
    if not isinstance(input_tensor_b, Tensor):
        require_device_or_crash(input_tensor_a)  # such a call is a unary operation to TTNN
    return run(
        _MAXIMUM,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.minimum")
def minimum(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
) -> Tensor:
    """The lesser of two values."""
    if not isinstance(input_tensor_b, Tensor):
        require_device_or_crash(input_tensor_a)  # such a call is a unary operation to TTNN
    return run(
        _MINIMUM,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.pow")
def power(
    input_tensor: Tensor | float,
    exponent: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
) -> Tensor:
    """``input ** exponent``, elementwise; a tensor to a number, or with a tensor exponent."""
    if isinstance(exponent, Tensor):
        return run(
            _POWER,
            input_tensor,
            exponent,
            dtype=dtype,
            memory_config=memory_config,
            output_tensor=output_tensor,
            activations=activations,
            a_activations=input_tensor_a_activations,
            b_activations=input_tensor_b_activations,
        )
    if not isinstance(input_tensor, Tensor) or dtype is not None or activations:
        raise IncompatibleArguments
    device = require_device_or_crash(input_tensor)
    if input_tensor.dtype not in FLOATS:
        _check_integer_power(input_tensor.dtype, exponent)
    value = input_tensor.value
    floating = input_tensor.dtype in FLOATS
    result = torch.pow(value.to(torch.float32 if floating else torch.int64), exponent)
    if output_tensor is not None:
        return fill_output(output_tensor, result)
    return emit(
        result,
        device,
        dtype=input_tensor.dtype,
        layout=input_tensor.layout,
        memory_config=memory_config or input_tensor.memory_config(),
    )


def _check_integer_power(dtype: DataType, exponent: float) -> None:
    if exponent != int(exponent):
        raise OperationRefused(
            f"pow: DataType::{dtype.name} input requires an integral exponent, got {exponent}",
            "Convert the tensor with ttnn.typecast.",
        )
    if exponent < 0:
        raise OperationRefused(
            f"pow: integers to negative integer powers are not allowed, got {exponent}",
            "Convert the tensor with ttnn.typecast.",
        )
