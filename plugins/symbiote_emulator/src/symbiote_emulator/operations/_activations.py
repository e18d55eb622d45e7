"""Unary functions in float32, for fused activations and for the unary operations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

import torch
import torch.nn.functional as F

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.numerics import FLOATS
from symbiote_emulator.types import DataType, UnaryOpType, UnaryWithParam

Function = Callable[[torch.Tensor], torch.Tensor]

_U = UnaryOpType

FUNCTIONS: Final[dict[UnaryOpType, Function]] = {
    _U.ABS: torch.abs,
    _U.COS: torch.cos,
    _U.ERF: torch.erf,
    _U.EXP: torch.exp,
    _U.GELU: F.gelu,
    _U.GELU_TANH: lambda x: F.gelu(x, approximate="tanh"),
    _U.HARDSIGMOID: F.hardsigmoid,
    _U.HARDSWISH: F.hardswish,
    _U.HARDTANH: F.hardtanh,
    _U.IDENTITY: torch.clone,
    _U.LOG: torch.log,
    _U.LOG10: torch.log10,
    _U.LOG1P: torch.log1p,
    _U.LOG2: torch.log2,
    _U.LOGICAL_NOT_UNARY: lambda x: (x == 0).to(x.dtype),
    _U.MISH: F.mish,
    _U.NEG: torch.neg,
    _U.RECIP: torch.reciprocal,
    _U.RELU: torch.relu,
    _U.RELU6: lambda x: x.clamp(0, 6),
    _U.RSQRT: torch.rsqrt,
    _U.SELU: F.selu,
    _U.SIGMOID: torch.sigmoid,
    _U.SIGN: torch.sign,
    _U.SILU: F.silu,
    _U.SIN: torch.sin,
    _U.SOFTPLUS: F.softplus,
    _U.SQRT: torch.sqrt,
    _U.SQUARE: torch.square,
    _U.TANH: torch.tanh,
}
"""float32 → float32, the accurate form of each. Parameters are ignored unless in PARAMETRIC."""


def _gelu(x: torch.Tensor) -> torch.Tensor:
    tail: torch.Tensor = torch.special.erfc(x * -math.sqrt(0.5))
    return 0.5 * x * tail


def _gelu_tanh(x: torch.Tensor) -> torch.Tensor:
    wide = x.to(torch.float64)
    inner = math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3)
    return (wide * torch.sigmoid(2 * inner)).to(torch.float32)


WITHOUT_CANCELLATION: Final[dict[UnaryOpType, Function]] = {
    _U.GELU: _gelu,
    _U.GELU_TANH: _gelu_tanh,
}
"""Forms that are right to an ulp in the tails, where torch's subtract nearly equal numbers. They
take many times as long, so a product, whose error is measured against its operands, does without.
"""

PARAMETRIC: Final[dict[UnaryOpType, Callable[[torch.Tensor, float], torch.Tensor]]] = {
    _U.ADD_UNARY_SFPU: torch.add,
    _U.ELU: lambda x, alpha: F.elu(x, alpha),
    _U.LEAKY_RELU: lambda x, slope: F.leaky_relu(x, slope),
    _U.MUL_UNARY_SFPU: torch.mul,
    _U.POWER: torch.pow,
    _U.RELU_MAX: lambda x, top: x.clamp(0.0, top),
    _U.RELU_MIN: lambda x, low: x.clamp(min=low),
}
"""Functions of a parameter."""

_DEFAULT_PARAMETER: Final = {_U.ELU: 1.0, _U.LEAKY_RELU: 0.01, _U.RELU_MAX: math.inf}

BY_NAME: Final[dict[str, UnaryWithParam]] = {
    **{
        name: UnaryWithParam(code)
        for name, code in {
            "abs": _U.ABS,
            "cos": _U.COS,
            "exp": _U.EXP,
            "gelu": _U.GELU,
            "gelu_tanh": _U.GELU_TANH,
            "hardsigmoid": _U.HARDSIGMOID,
            "hardtanh": _U.HARDTANH,
            "log": _U.LOG,
            "log10": _U.LOG10,
            "log1p": _U.LOG1P,
            "log2": _U.LOG2,
            "mish": _U.MISH,
            "recip": _U.RECIP,
            "relu": _U.RELU,
            "relu6": _U.RELU6,
            "rsqrt": _U.RSQRT,
            "selu": _U.SELU,
            "sigmoid": _U.SIGMOID,
            "sigmoid_approx": _U.SIGMOID,
            "sign": _U.SIGN,
            "silu": _U.SILU,
            "sin": _U.SIN,
            "softplus": _U.SOFTPLUS,
            "sqrt": _U.SQRT,
            "square": _U.SQUARE,
            "tanh": _U.TANH,
        }.items()
    },
    "gelu_approx": UnaryWithParam(_U.GELU, 1.0),
}
"""Names that TTNN takes for ``activation=`` (asked on a mock chip; others are unknown)."""

FUSABLE: Final = frozenset(
    {
        _U.GELU,
        _U.GELU_TANH,
        _U.HARDSIGMOID,
        _U.HARDTANH,
        _U.RELU,
        _U.RELU6,
        _U.SELU,
        _U.SIGMOID,
        _U.SILU,
        _U.SOFTPLUS,
        _U.TANH,
    }
)
"""Activations that a matmul program can apply itself (those it takes with a core grid)."""

INTEGER_OK: Final = frozenset(
    {_U.RELU, _U.RELU6, _U.ABS, _U.NEG, _U.SQUARE, _U.IDENTITY, _U.LOGICAL_NOT_UNARY}
)
"""Functions that take integer dtypes, see `takes`."""

_INTEGERS_TAKEN: Final = {
    _U.LOGICAL_NOT_UNARY: frozenset({DataType.INT32, DataType.UINT32, DataType.UINT16}),
    _U.NEG: frozenset({DataType.INT32}),
    _U.SQUARE: frozenset({DataType.INT32, DataType.UINT32, DataType.UINT16}),
}


def takes(code: UnaryOpType, dtype: DataType) -> bool:
    """Whether TTNN's unary operation takes a dtype.

    Args:
        code: the function.
        dtype: of its operand.
    """
    if dtype in FLOATS:
        return True
    return code in INTEGER_OK and dtype in _INTEGERS_TAKEN.get(code, (dtype,))


def parse_activation(activation: str | UnaryWithParam | None) -> UnaryWithParam | None:
    """An ``activation=`` argument as a record.

    Raises:
        OperationRefused: TTNN does not know the name.
    """
    if not isinstance(activation, str):
        return activation
    known = BY_NAME.get(activation)
    if known is None:
        raise OperationRefused(
            f"Unknown unary op: {activation}",
            f"Known names: {', '.join(sorted(BY_NAME))}.",
            activation=activation,
        )
    return known


def apply(value: torch.Tensor, activation: UnaryWithParam) -> torch.Tensor:
    """Evaluate a unary function.

    Args:
        value: float32 of any shape.
        activation: the function and its parameters.

    Raises:
        OperationRefused: the emulator does not have the function.
    """
    code = activation.op_type
    parametric = PARAMETRIC.get(code)
    if parametric is not None:
        given = activation.params
        return parametric(value, given[0] if given else _DEFAULT_PARAMETER.get(code, 0.0))
    function = FUNCTIONS.get(code)
    if function is None:
        raise OperationRefused(
            f"The emulator does not have UnaryOpType.{code.name}.",
            "Add it to FUNCTIONS in symbiote_emulator/operations/_activations.py.",
            activation=code,
        )
    return function(value)


def apply_all(value: torch.Tensor, activations: Iterable[UnaryWithParam]) -> torch.Tensor:
    """Evaluate a chain of unary functions, first to last."""
    for activation in activations:
        if activation.op_type in PARAMETRIC and not activation.params:
            raise OperationRefused(
                f"Undefined non-parametrized op type UnaryOpType::{activation.op_type.name}",
                "Give it its parameter: ttnn.UnaryWithParam(ttnn.UnaryOpType."
                f"{activation.op_type.name}, parameter).",
                activation=activation.op_type,
            )
        integer = not value.is_floating_point() and activation.op_type not in INTEGER_OK
        value = apply(value.to(torch.float32) if integer else value, activation)
    return value
