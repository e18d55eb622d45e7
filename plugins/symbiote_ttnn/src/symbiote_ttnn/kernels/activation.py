"""Activations as modules. Fuse them into a linear where you can: a unary costs as much as four."""

from __future__ import annotations

from typing import Any

from torch import nn

from symbiote_ttnn.freed import living
from symbiote_ttnn.kernels.base import TTNNKernel
from symbiote_ttnn.late import ttnn

TANH_GELUS = frozenset(
    {
        "NewGELUActivation",
        "PytorchGELUTanh",
        "GELUTanh",
        "FastGELUActivation",
        "AccurateGELUActivation",
    }
)
"""Class names of transformers' activations that compute the tanh form of gelu."""

QUICK_GELU = 1.702
"""The factor in ``x * sigmoid(1.702 * x)``, by which OpenAI's CLIP approximates gelu."""


def gelu_form(layer: nn.Module) -> str | None:
    """``erf`` or ``tanh`` for a module that computes gelu, None for others."""
    name = type(layer).__name__
    if name in TANH_GELUS:
        return "tanh"
    if isinstance(layer, nn.GELU):
        return "tanh" if layer.approximate == "tanh" else "erf"
    if name == "GELUActivation":
        return "erf"
    return None


def activation_name(layer: nn.Module) -> str | None:
    """TTNN's name of an activation that it fuses into a linear, or None."""
    if gelu_form(layer) == "erf":
        return "gelu"
    by_class = {"ReLU": "relu", "SiLU": "silu", "SiLUActivation": "silu", "Tanh": "tanh"}
    return by_class.get(type(layer).__name__)


class TTNNGelu(TTNNKernel):
    """Gelu of the erf or the tanh form, as the torch module has it: any shape."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """The two forms of gelu."""
        if gelu_form(torch_layer) is None:
            return f"{type(torch_layer).__name__} is no gelu of the erf or the tanh form"
        return None

    def launch_arguments(self) -> dict[str, Any]:
        """The variant."""
        if gelu_form(self.torch_layer) == "tanh":
            return {"variant": ttnn.GeluVariant.Tanh}
        return {}

    def forward(self, input_tensor: Any) -> Any:
        """Apply gelu element by element."""
        return ttnn.gelu(living(input_tensor, "ttnn.gelu"), **self.launch)


class TTNNQuickGelu(TTNNKernel):
    """``x * sigmoid(1.702 * x)``, in one operation: any shape."""

    def launch_arguments(self) -> dict[str, Any]:
        """The chain of functions that the second factor goes through."""
        chain = [
            ttnn.UnaryWithParam(ttnn.UnaryOpType.MUL_UNARY_SFPU, QUICK_GELU),
            ttnn.UnaryWithParam(ttnn.UnaryOpType.SIGMOID),
        ]
        return {"input_tensor_b_activations": chain}

    def forward(self, input_tensor: Any) -> Any:
        """Apply it element by element."""
        return ttnn.multiply(input_tensor, input_tensor, **self.launch)


class TTNNSilu(TTNNKernel):
    """``x * sigmoid(x)``: any shape."""

    def forward(self, input_tensor: Any) -> Any:
        """Apply silu element by element."""
        return ttnn.silu(living(input_tensor, "ttnn.silu"))


class TTNNReLU(TTNNKernel):
    """``max(x, 0)``: any shape."""

    def forward(self, input_tensor: Any) -> Any:
        """Apply relu element by element."""
        return ttnn.relu(living(input_tensor, "ttnn.relu"))


class TTNNTanh(TTNNKernel):
    """``tanh(x)``: any shape."""

    def forward(self, input_tensor: Any) -> Any:
        """Apply tanh element by element."""
        return ttnn.tanh(living(input_tensor, "ttnn.tanh"))
