# ruff: noqa: ARG001 - the parameters are TTNN's, not all of them matter here
"""Comparisons and logic of two operands: 1 where true, 0 where not.

The parameters of all are those of `symbiote_emulator.operations._binary.run`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.operations._binary import Rule, run
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DataType, MemoryConfig, UnaryWithParam


def _rule(name: str, function: Any, *, takes_bytes: bool = True) -> Rule:
    def as_number(a: torch.Tensor, b: torch.Tensor | float) -> torch.Tensor:
        found: torch.Tensor = function(a, torch.as_tensor(b))
        return found.to(a.dtype)

    return Rule(name, as_number, takes_bytes=takes_bytes)


_EQ = _rule("EQ", torch.eq)
_NE = _rule("NE", torch.ne)
_GT = _rule("GT", torch.gt)
_GE = _rule("GE", torch.ge)
_LT = _rule("LT", torch.lt)
_LE = _rule("LE", torch.le)
_LOGICAL_AND = _rule("LOGICAL_AND", torch.logical_and, takes_bytes=False)
_LOGICAL_OR = _rule("LOGICAL_OR", torch.logical_or, takes_bytes=False)
_LOGICAL_XOR = _rule("LOGICAL_XOR", torch.logical_xor, takes_bytes=False)


@operation("ttnn.eq")
def eq(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """1 where the operands are equal."""
    return run(
        _EQ,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.ne")
def ne(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """1 where the operands are different."""
    return run(
        _NE,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.gt")
def gt(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """1 where the operands are greater."""
    return run(
        _GT,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.ge")
def ge(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """1 where the operands are greater or equal."""
    return run(
        _GE,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.lt")
def lt(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """1 where the operands are less."""
    return run(
        _LT,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.le")
def le(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """1 where the operands are less or equal."""
    return run(
        _LE,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.logical_and")
def logical_and(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """1 where both true."""
    return run(
        _LOGICAL_AND,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.logical_or")
def logical_or(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """1 where one of them true."""
    return run(
        _LOGICAL_OR,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )


@operation("ttnn.logical_xor")
def logical_xor(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor | int | float,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    activations: Sequence[UnaryWithParam] = (),
    input_tensor_a_activations: Sequence[UnaryWithParam] = (),
    input_tensor_b_activations: Sequence[UnaryWithParam] = (),
    sub_core_grids: Any = None,
    sub_device_id: Any = None,
) -> Tensor:
    """1 where exactly one of them true."""
    return run(
        _LOGICAL_XOR,
        input_tensor_a,
        input_tensor_b,
        dtype=dtype,
        memory_config=memory_config,
        output_tensor=output_tensor,
        activations=activations,
        a_activations=input_tensor_a_activations,
        b_activations=input_tensor_b_activations,
    )
