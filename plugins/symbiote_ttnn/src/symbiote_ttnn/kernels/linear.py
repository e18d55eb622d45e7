"""Linear layers: plain, with a fused activation, and with weights freed after each call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import torch
from torch import nn

from symbiote_core import deallocate_weights_after
from symbiote_ttnn.kernels.base import TTNNKernel
from symbiote_ttnn.kernels.conversion import tile
from symbiote_ttnn.late import ttnn

FUSED_ACTIVATIONS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": nn.functional.gelu,
    "relu": nn.functional.relu,
    "silu": nn.functional.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
"""Activations that TTNN computes in the program of the matmul, and torch's functions for them."""


class ActivatedLinear(nn.Module):
    """``activation(linear(x))`` on torch, showing the linear layer's parameters as its own.

    Args:
        linear: a linear layer [in_features] → [out_features].
        activation: a key of `FUSED_ACTIVATIONS`.
    """

    def __init__(self, linear: nn.Linear, activation: str) -> None:
        super().__init__()
        self.__dict__["linear"] = linear
        self.__dict__["activation"] = activation
        for name in ("_parameters", "_buffers", "_modules"):
            self.__dict__[name] = linear.__dict__[name]
        self.training = linear.training

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [..., in_features] to [..., out_features]."""
        linear: nn.Linear = self.__dict__["linear"]
        return FUSED_ACTIVATIONS[self.__dict__["activation"]](linear.forward(x))


class TTNNLinear(TTNNKernel):
    """`nn.Linear` as one ``ttnn.linear``: [..., K] → [..., N] for a weight [N, K].

    The weight is kept transposed, [K, N], in the configured dtype; the bias [1, N] in bfloat16.
    """

    activation: str | None = None
    """A fused activation, a key of `FUSED_ACTIVATIONS`."""

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNLinear:
        """Build it for an `nn.Linear` (for a fused activation: the linear before it)."""
        module = cls()
        if cls.activation is not None and isinstance(torch_layer, nn.Linear):
            torch_layer = ActivatedLinear(torch_layer, cls.activation)
        module._fallback_torch_layer = torch_layer
        return module

    @classmethod
    def fused(cls, linear: nn.Linear, activation: str | None) -> TTNNLinear:
        """Build it for ``activation(linear(x))``; None for no activation.

        Raises:
            ValueError: for an activation that TTNN can't fuse.
        """
        if activation is not None and activation not in FUSED_ACTIVATIONS:
            raise ValueError(
                f"TTNN fuses {', '.join(FUSED_ACTIVATIONS)} into a linear, not {activation!r}."
            )
        module = cls()
        module.activation = activation
        layer = linear if activation is None else ActivatedLinear(linear, activation)
        module._fallback_torch_layer = layer
        return module

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Linear layers of any size but zero."""
        if 0 in tuple(torch_layer.weight.shape):
            return f"its weight {list(torch_layer.weight.shape)} is empty"
        return None

    def preprocess_weights_impl(self) -> None:
        """Convert weight and bias."""
        layer = self.torch_layer
        self.tt_weight = self.weight_matrix(layer.weight)
        self.tt_bias = None if layer.bias is None else tile(layer.bias.reshape(1, -1))

    def launch_arguments(self) -> dict[str, Any]:
        """The output's dtype and, for a fused activation, the grid that makes TTNN fuse it."""
        arguments = super().launch_arguments() | {"dtype": self.activation_dtype}
        if self.activation is not None:
            arguments |= {"activation": self.activation, "core_grid": self.device.core_grid}
        return arguments

    def forward(self, input_tensor: Any) -> Any:
        """Map [..., K] to [..., N]."""
        return ttnn.linear(input_tensor, self.tt_weight, bias=self.tt_bias, **self.launch)


class TTNNLinearGelu(TTNNLinear):
    """``gelu(linear(x))`` (the erf form) in one program."""

    activation = "gelu"


class TTNNLinearRelu(TTNNLinear):
    """``relu(linear(x))`` in one program."""

    activation = "relu"


class TTNNLinearSilu(TTNNLinear):
    """``silu(linear(x))`` in one program."""

    activation = "silu"


class TTNNLinearTanh(TTNNLinear):
    """``tanh(linear(x))`` in one program."""

    activation = "tanh"


class TTNNLinearLLama(TTNNLinear):
    """A linear layer for large models: bfloat8_b weights, freed on the device after each call."""

    own_weights = "bfloat8_b"

    def set_model_config(self, config: Mapping[str, Any] | None) -> None:
        """Take the ``model_config``; the weight dtype is this class's own unless it names one."""
        super().set_model_config(config)
        if "weights" not in (config or {}):
            self.kernel_config = attrs.evolve(self.kernel_config, weights=self.own_weights)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNLinear:
        """Build it for an `nn.Linear`."""
        module = super().from_torch(torch_layer)
        module.set_model_config(None)
        return module

    @deallocate_weights_after
    def forward(self, input_tensor: Any) -> Any:
        """Map [..., K] to [..., N]."""
        return ttnn.linear(input_tensor, self.tt_weight, bias=self.tt_bias, **self.launch)


class TTNNLinearLLamaBFloat16(TTNNLinearLLama):
    """As `TTNNLinearLLama`, with bfloat16 weights."""

    own_weights = "bfloat16"
