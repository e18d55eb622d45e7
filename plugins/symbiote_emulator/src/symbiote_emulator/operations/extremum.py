"""The greater and the lesser of two operands, and powers.

The parameters of all are those of `symbiote_emulator.operations._binary.run`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.errors import IncompatibleArguments, OperationRefused, WrongInTTNN
from symbiote_emulator.numerics import FLOATS
from symbiote_emulator.operations._binary import (
    WIDE_INTEGERS,
    Rule,
    check_output_dtype,
    compute,
    run,
)
from symbiote_emulator.operations._common import require_device_or_crash, require_rows
from symbiote_emulator.operations._unary import emit_unary
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DataType,
    Layout,
    MemoryConfig,
    StorageType,
    UnaryWithParam,
)


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
        return _beside_number(
            _MAXIMUM,
            input_tensor_a,
            input_tensor_b,
            dtype,
            memory_config,
            output_tensor,
            (activations, input_tensor_a_activations, input_tensor_b_activations),
        )
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
        return _beside_number(
            _MINIMUM,
            input_tensor_a,
            input_tensor_b,
            dtype,
            memory_config,
            output_tensor,
            (activations, input_tensor_a_activations, input_tensor_b_activations),
        )
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
    options = (activations, input_tensor_a_activations, input_tensor_b_activations)
    if not isinstance(input_tensor, Tensor) or dtype is not None or any(options):
        raise IncompatibleArguments
    if exponent == 0 and input_tensor.device() is None:
        _refuse_ones_on_the_host(input_tensor)
    require_device_or_crash(input_tensor)
    if input_tensor.dtype not in FLOATS:
        _check_integer_power(input_tensor, exponent)
    if exponent in (0, 1):
        require_rows(input_tensor)
    _check_power_memory(input_tensor, exponent, memory_config, output_tensor)
    value = input_tensor.value
    floating = input_tensor.dtype in FLOATS
    result = torch.pow(value.to(torch.float32 if floating else torch.int64), exponent)
    return emit_unary(
        input_tensor, result, memory_config=memory_config, output_tensor=output_tensor
    )


def _refuse_ones_on_the_host(x: Tensor) -> None:
    """Refuse the power of 0 that TTNN computes without a device; freed tiles it crashes on."""
    tiles = x.layout is Layout.TILE and x.dtype in FLOATS and x.dtype is not DataType.BFLOAT4_B
    if x.storage_type() is StorageType.HOST or not tiles:
        raise WrongInTTNN(
            "A tensor without device memory, to the power of 0.",
            "Move it with ttnn.to_device, and keep it until its last use.",
        )


def _beside_number(
    rule: Rule,
    a: Tensor,
    number: float,
    dtype: DataType | None,
    memory_config: MemoryConfig | None,
    output_tensor: Tensor | None,
    activations: Sequence[Sequence[UnaryWithParam]],
) -> Tensor:
    """A tensor and a number: a unary operation to TTNN, with the rules of one."""
    require_device_or_crash(a)
    if any(activations):
        raise WrongInTTNN(
            "Activations beside a number, which TTNN leaves out.",
            "Apply the activation as an operation of its own.",
        )
    natural = rule.result_dtype(a, number)
    check_output_dtype(dtype, output_tensor)
    bare = memory_config is not None and memory_config.is_sharded() and not memory_config.shard_spec
    if bare and dtype not in (None, a.dtype):  # TTNN converts before
        raise OperationRefused("bad optional access", "Give the memory config a shard_spec.")
    result = compute(rule.function, a, number, (), (), ())
    return emit_unary(
        a,
        result,
        memory_config=memory_config,
        output_tensor=output_tensor,
        dtype=dtype or natural,
    )


def _check_power_memory(
    x: Tensor, exponent: float, memory_config: MemoryConfig | None, output: Tensor | None
) -> None:
    """Refuse memory that does not go with the operation that TTNN makes of it.

    Without shards where it is sharded, and TTNN multiplies or has nothing to compute; another than
    the supplied output's, where TTNN copies.
    """
    bare = memory_config is not None and memory_config.is_sharded() and not memory_config.shard_spec
    if bare and (x.dtype not in FLOATS or exponent in (0, 1)):
        raise OperationRefused("bad optional access", "Give the memory config a shard_spec.")
    if exponent == 1 and memory_config and output and output.memory_config() != memory_config:
        raise OperationRefused("Mismatched output memory config", "Leave one of them out.")


def _check_integer_power(x: Tensor, exponent: float) -> None:
    dtype = x.dtype
    if dtype is DataType.UINT8 and exponent not in (0, 1):
        raise OperationRefused(
            "Unary: UnaryOpType::POWER_ITERATIVE does not support integer input dtype "
            "DataType::UINT8",
            "Convert the tensor with ttnn.typecast.",
        )
    if not math.isfinite(exponent) or exponent != int(exponent) or exponent >= 2**31:
        raise OperationRefused(
            f"pow: DataType::{dtype.name} input requires an integral exponent, got {exponent}",
            "Convert the tensor with ttnn.typecast.",
        )
    if exponent < 0:
        raise OperationRefused(
            f"pow: integers to negative integer powers are not allowed, got {exponent}",
            "Convert the tensor with ttnn.typecast.",
        )
    if x.layout is not Layout.TILE and exponent > 1:
        raise OperationRefused(
            "pow_int: input must be in TILE layout, got Layout::ROW_MAJOR",
            "Convert the tensor with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
        )
