"""Feed-forward modules of any model as few operations."""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from symbiote_core import UnsupportedInputError
from symbiote_ttnn import kernels
from symbiote_ttnn.generic.conv1d import TTNNConv1D, is_conv1d
from symbiote_ttnn.generic.mlp_forms import (
    ACTIVATED,
    GATED,
    RESIDUAL,
    TWO,
    Form,
    form_of,
    looks_like_mlp,
)
from symbiote_ttnn.kernels.activation import activation_name
from symbiote_ttnn.kernels.base import TTNNKernel
from symbiote_ttnn.kernels.linear import FUSED_ACTIVATIONS, TTNNLinear
from symbiote_ttnn.kernels.normalization import TTNNLayerNorm
from symbiote_ttnn.known import activation_kernel
from symbiote_ttnn.late import ttnn


def _linear(layer: Any, activation: str | None = None) -> TTNNLinear:
    return (TTNNConv1D if is_conv1d(layer) else TTNNLinear).fused(layer, activation)


class TTNNFeedForward(TTNNKernel):
    """What the kernels of this file have in common: the layers that `form_of` finds.

    The activation is computed in the program of its linear layer where TTNN can fuse it. The names
    of the parts are none that a module's children may have, which are this module's own.
    """

    kind = TWO
    """The form that the kernel is for."""

    takes = 1
    """How many inputs it has."""

    @classmethod
    def is_meant(cls, module: nn.Module) -> bool:
        """Whether a module is of this kernel's form."""
        if not looks_like_mlp(module):
            return False
        form = form_of(module)
        return form is not None and form.kind == cls.kind

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNFeedForward:
        """Build it for a module of its form."""
        form = form_of(torch_layer)
        assert form is not None
        assert form.kind == cls.kind
        module = cls()
        module._fallback_torch_layer = torch_layer
        module._take(form, torch_layer._modules)
        names = list(inspect.signature(type(torch_layer).forward).parameters)
        module.tt_names = tuple(names[1:])
        return module

    def _take(self, form: Form, layers: Any) -> None:
        """Take the parts from a module's children."""
        activation = layers[form.activation] if form.activation else None
        fused = None if activation is None else activation_name(activation)
        if fused not in FUSED_ACTIVATIONS:
            fused = None
        self.tt_first = _linear(layers[form.linears[0]], fused)
        self.tt_first.role = self.role
        for name, linear in zip(("tt_second", "tt_third"), form.linears[1:], strict=False):
            part = _linear(layers[linear])
            part.role = self.role
            setattr(self, name, part)
        self.tt_act: Any = None
        self.tt_norm: Any = None
        if activation is not None and fused is None:
            kernel = activation_kernel(type(activation))
            assert kernel is not None
            self.tt_act = getattr(kernels, kernel).from_torch(activation)
        if form.norm:
            self.tt_norm = TTNNLayerNorm.from_torch(layers[form.norm])

    def activated(self, x: Any) -> Any:
        """The first linear layer and the activation."""
        x = self.tt_first.written(x)
        return x if self.tt_act is None else self.tt_act.written(x)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Map [..., D] to [..., D]; with a residual, it is the second input.

        Raises:
            UnsupportedInputError: for other inputs than the form has.
        """
        given = inputs + tuple(named.pop(name) for name in self.tt_names if name in named)
        if named or len(given) != self.takes:
            raise UnsupportedInputError(
                f"it is called with {len(given) + len(named)} inputs and computes with {self.takes}"
            )
        return self.computed(*given)

    def computed(self, x: Any, *residual: Any) -> Any:
        """What the form says, on device tensors."""
        return self.tt_second.written(self.activated(x))


class TTNNMLP(TTNNFeedForward):
    """``second(act(first(x)))``: [..., D] → [..., D]."""

    role = "mlp"


class TTNNGatedMLP(TTNNFeedForward):
    """``down(act(gate(x)) * up(x))``: [..., D] → [..., D]."""

    kind = GATED
    role = "mlp"

    def computed(self, x: Any, *residual: Any) -> Any:
        """Gate, activation, up, product, down."""
        both = ttnn.multiply(self.activated(x), self.tt_second.written(x))
        return self.tt_third.written(both)


class TTNNActivatedLinear(TTNNFeedForward):
    """``act(dense(x))``, normed if there is a norm: [..., D] → [..., N]."""

    kind = ACTIVATED

    def computed(self, x: Any, *residual: Any) -> Any:
        """Linear layer, activation, norm."""
        x = self.activated(x)
        return x if self.tt_norm is None else self.tt_norm.written(x)


class TTNNLinearAddNorm(TTNNFeedForward):
    """``norm(dense(x) + residual)``: [..., D] and [..., N] → [..., N]."""

    kind = RESIDUAL
    takes = 2

    def computed(self, x: Any, *residual: Any) -> Any:
        """Linear layer, norm of the sum."""
        return self.tt_norm.of_sum(self.tt_first.written(x), *residual)


KERNELS: tuple[type[TTNNFeedForward], ...] = (
    TTNNMLP,
    TTNNGatedMLP,
    TTNNActivatedLinear,
    TTNNLinearAddNorm,
)
"""One for each form."""


def unknown_mlp(module: nn.Module) -> str:
    """Why a module that only looks like a feed-forward one is not replaced as a whole."""
    return (
        f"the forward of {type(module).__name__} computes no feed-forward form that is known, so "
        "that the layers in it are replaced one by one"
    )
