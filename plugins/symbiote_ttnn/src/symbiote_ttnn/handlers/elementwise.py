"""Arithmetic and activations between modules, such as residual additions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from symbiote_core import AtenHandler
from symbiote_ttnn.freed import living
from symbiote_ttnn.late import ttnn


def _binary(name: str) -> Callable[..., Any]:
    def run(a: Any, b: Any, alpha: float = 1, **_: Any) -> Any:
        # Integer and boolean tensors stay on the host, and torch knows what they mean.
        if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor) or alpha != 1:
            return NotImplemented
        return getattr(ttnn, name)(a, b)

    return run


def _unary(name: str) -> Callable[..., Any]:
    def run(a: Any) -> Any:
        return getattr(ttnn, name)(living(a, f"ttnn.{name}"))

    return run


def _gelu(a: Any, *, approximate: str = "none") -> Any:
    living(a, "ttnn.gelu")
    if approximate == "tanh":
        return ttnn.gelu(a, variant=ttnn.GeluVariant.Tanh)
    return ttnn.gelu(a)


def _leaky_relu(a: Any, negative_slope: float = 0.01) -> Any:
    if not 0.0 <= negative_slope <= 1.0:
        return NotImplemented
    return ttnn.maximum(a, ttnn.multiply(a, negative_slope))


def _softmax(a: Any, dim: int, half_to_float: bool = False) -> Any:
    return NotImplemented if half_to_float else ttnn.softmax(a, dim=dim)


def handlers() -> list[AtenHandler]:
    """The handlers of this file."""
    binary = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide"}
    unary = ("relu", "silu", "tanh", "sigmoid", "neg", "exp", "sqrt", "rsqrt", "abs")
    return [
        *(AtenHandler(f"aten.{aten}.Tensor", _binary(op)) for aten, op in binary.items()),
        *(AtenHandler(f"aten.{op}.default", _unary(op)) for op in unary),
        AtenHandler("aten.gelu.default", _gelu),
        AtenHandler("aten.leaky_relu.default", _leaky_relu),
        AtenHandler("aten._softmax.default", _softmax),
    ]
