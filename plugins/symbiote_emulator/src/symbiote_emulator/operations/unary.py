"""Elementwise functions of one operand, evaluated in float32 and rounded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch

from symbiote_emulator.errors import IncompatibleArguments, OperationRefused
from symbiote_emulator.numerics import FLOATS
from symbiote_emulator.operations._activations import WITHOUT_CANCELLATION, apply, takes
from symbiote_emulator.operations._common import require_device_or_crash
from symbiote_emulator.operations._unary import emit_unary
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    GeluVariant,
    MemoryConfig,
    UnaryOpType,
    UnaryWithParam,
)

_U = UnaryOpType


def run(
    x: Tensor,
    function: UnaryWithParam,
    memory_config: MemoryConfig | None,
    output_tensor: Tensor | None,
) -> Tensor:
    """One unary operation.

    Args:
        x: any shape, on the device.
        function: the function and its parameters.
        memory_config: output memory; that of the input if left out.
        output_tensor: written and returned if given.

    Raises:
        WouldCrash: host or freed input.
        OperationRefused: an integer input that the function does not take, or an output tensor
            that does not fit.
    """
    require_device_or_crash(x)
    code = function.op_type
    if not takes(code, x.dtype):
        raise OperationRefused(
            f"Unary: UnaryOpType::{code.name} does not support integer input dtype "
            f"DataType::{x.dtype.name}",
            "Convert it with ttnn.typecast.",
            dtype=x.dtype,
        )
    value = x.value.to(torch.float32) if x.dtype in FLOATS else x.value
    in_full = WITHOUT_CANCELLATION.get(code)
    result = apply(value, function) if in_full is None else in_full(value)
    return emit_unary(x, result, memory_config=memory_config, output_tensor=output_tensor)


def _plain(name: str, code: UnaryOpType) -> Callable[..., Tensor]:
    function = UnaryWithParam(code)

    def unary(
        input_tensor: Tensor,
        *,
        memory_config: MemoryConfig | None = None,
        output_tensor: Tensor | None = None,
        sub_core_grids: Any = None,
    ) -> Tensor:
        del sub_core_grids
        return run(input_tensor, function, memory_config, output_tensor)

    unary.__doc__ = f"``{name}``, element by element."
    return operation(f"ttnn.{name}")(unary)


def _with_mode(name: str, code: UnaryOpType) -> Callable[..., Tensor]:
    """Functions with an approximate mode, which the emulator computes as the accurate one."""
    function = UnaryWithParam(code)

    def unary(
        input_tensor: Tensor,
        *,
        fast_and_approximate_mode: bool = False,
        memory_config: MemoryConfig | None = None,
        output_tensor: Tensor | None = None,
        sub_core_grids: Any = None,
    ) -> Tensor:
        del fast_and_approximate_mode, sub_core_grids
        return run(input_tensor, function, memory_config, output_tensor)

    unary.__doc__ = f"``{name}``, element by element."
    return operation(f"ttnn.{name}")(unary)


PLAIN = {
    name: _plain(name, code)
    for name, code in {
        "relu": _U.RELU,
        "relu6": _U.RELU6,
        "silu": _U.SILU,
        "neg": _U.NEG,
        "abs": _U.ABS,
        "sin": _U.SIN,
        "cos": _U.COS,
        "reciprocal": _U.RECIP,
        "square": _U.SQUARE,
        "sign": _U.SIGN,
        "identity": _U.IDENTITY,
        "logical_not": _U.LOGICAL_NOT_UNARY,
        "selu": _U.SELU,
    }.items()
}
"""Operations without options."""

MODED = {
    name: _with_mode(name, code)
    for name, code in {
        "exp": _U.EXP,
        "erf": _U.ERF,
        "log": _U.LOG,
        "sqrt": _U.SQRT,
        "rsqrt": _U.RSQRT,
        "tanh": _U.TANH,
    }.items()
}
"""Operations that have an approximate mode."""


_LEFT_OUT: Final[Any] = None  # not an argument: TTNN takes no None here


@operation("ttnn.gelu")
def gelu(
    input_tensor: Tensor,
    *,
    variant: GeluVariant = _LEFT_OUT,
    fast_and_approximate_mode: bool = _LEFT_OUT,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    sub_core_grids: Any = None,
) -> Tensor:
    """Gelu by the error function, or ``variant=GeluVariant.Tanh``'s form.

    Args:
        input_tensor: any shape, floats, on the device.
        variant: which form; accurate if left out. Not together with the next one.
        fast_and_approximate_mode: a table on the chip; computed accurately here.
        memory_config: output memory; that of the input if left out.
        output_tensor: written and returned if given.
        sub_core_grids: accepted.
    """
    del sub_core_grids
    if _LEFT_OUT not in (variant, fast_and_approximate_mode):
        raise IncompatibleArguments
    if variant is GeluVariant.Tanh:
        function = UnaryWithParam(_U.GELU_TANH)
    else:
        function = UnaryWithParam(_U.GELU, 1.0 if fast_and_approximate_mode else 0.0)
    return run(input_tensor, function, memory_config, output_tensor)


@operation("ttnn.sigmoid")
def sigmoid(
    input_tensor: Tensor,
    *,
    vector_mode: int = 4,
    mode: Any = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    sub_core_grids: Any = None,
) -> Tensor:
    """``1 / (1 + exp(-x))``, element by element; ``mode`` is accepted, not imitated.

    Raises:
        OperationRefused: ``vector_mode`` is neither 2 (columns) nor 4 (all).
    """
    del mode, sub_core_grids
    require_device_or_crash(input_tensor)
    if vector_mode not in (2, 4):
        raise OperationRefused(
            "Invalid Vector mode value. Expected vector mode C (2) or RC (4) for sigmoid",
            "Leave vector_mode out.",
            vector_mode=vector_mode,
        )
    return run(input_tensor, UnaryWithParam(_U.SIGMOID), memory_config, output_tensor)
