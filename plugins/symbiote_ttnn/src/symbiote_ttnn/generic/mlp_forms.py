"""What feed-forward modules compute: a few linear layers with an activation or a norm."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import torch
from torch import nn

from symbiote_ttnn.generic.conv1d import is_conv1d
from symbiote_ttnn.generic.probe import agree, answer, bare_copy, is_torchs_own, normal
from symbiote_ttnn.known import activation_kernel

TWO, GATED, ACTIVATED, RESIDUAL = "two", "gated", "activated", "residual"
"""``second(act(first(x)))``, ``down(act(gate(x)) * up(x))``, ``act(dense(x))`` or
``norm(act(dense(x)))``, and ``norm(dense(x) + residual)``."""

Layer = Callable[[torch.Tensor], torch.Tensor]
Layers = Sequence[Layer]

_SIZES = (6, 10, 14, 18)
"""Widths of the small layers that stand in for a module's own."""


@attrs.frozen(eq=False)
class Form:
    """What a feed-forward module computes, and with which of its children.

    Attributes:
        kind: `TWO`, `GATED`, `ACTIVATED` or `RESIDUAL`.
        linears: names of the linear layers: first and second; gate, up and down; or the only one.
        activation: name of the activation; empty if there is none.
        norm: name of the layer norm; empty if there is none.
    """

    kind: str
    linears: tuple[str, ...]
    activation: str = ""
    norm: str = ""


@attrs.frozen(eq=False)
class Children:
    """The children of a feed-forward module by what they are, each a name."""

    linears: tuple[str, ...]
    activations: tuple[str, ...]
    norms: tuple[str, ...]
    idle: tuple[str, ...]

    @classmethod
    def of(cls, module: nn.Module) -> Children | None:
        """The children of a module, or None if one is something else."""
        found: dict[str, list[str]] = {"linears": [], "activations": [], "norms": [], "idle": []}
        for name, child in module._modules.items():
            if child is None:
                return None
            if type(child) is nn.Linear or is_conv1d(child):
                found["linears"].append(name)
            elif activation_kernel(type(child)) is not None:
                found["activations"].append(name)
            elif type(child) is nn.LayerNorm and len(child.normalized_shape) == 1:
                found["norms"].append(name)
            elif type(child) in (nn.Dropout, nn.Identity):
                found["idle"].append(name)
            else:
                return None
        return cls(**{kind: tuple(names) for kind, names in found.items()})

    def candidates(self) -> Iterator[Form]:
        """The forms that they may be of."""
        count = (len(self.linears), len(self.activations), len(self.norms))
        if count == (2, 1, 0):
            for linears in itertools.permutations(self.linears):
                yield Form(TWO, linears, self.activations[0])
        elif count == (3, 1, 0):
            for linears in itertools.permutations(self.linears):
                yield Form(GATED, linears, self.activations[0])
        elif count in ((1, 1, 0), (1, 1, 1)):
            yield Form(ACTIVATED, self.linears, self.activations[0], "".join(self.norms))
        elif count == (1, 0, 1):
            yield Form(RESIDUAL, self.linears, "", self.norms[0])


def looks_like_mlp(module: nn.Module) -> bool:
    """Whether a module has the children of a feed-forward module, and nothing else.

    Containers of torch are left out: who owns one may take a layer out of it.
    """
    if module._parameters or module._buffers or is_torchs_own(module):
        return False
    children = Children.of(module)
    return children is not None and any(True for _ in children.candidates())


def form_of(module: nn.Module) -> Form | None:
    """What a module that looks like a feed-forward one computes, or None if that is not known.

    Its forward runs with small layers in the place of its own.
    """
    children = Children.of(module)
    assert children is not None
    small = _small_layers(module, children)
    if small is None:
        return None
    probe = bare_copy(module, {}, small)
    for form in children.candidates():
        width = _width(small[form.linears[0]])
        inputs = [normal(2, 3, width, seed=1)]
        if form.kind == RESIDUAL:
            inputs.append(normal(2, 3, _width(small[form.linears[0]], out=True), seed=2))
        expected = _expected(form, small, inputs)
        if expected is not None and agree(answer(probe, *inputs), expected):
            return form
    return None


def _small_layers(module: nn.Module, children: Children) -> dict[str, nn.Module] | None:
    """Children of the same classes whose widths are small, equal where the module's are."""
    own: Mapping[str, Any] = module._modules
    widths = dict.fromkeys(
        width for name in children.linears for width in (_width(own[name]), _width(own[name], True))
    )
    if len(widths) > len(_SIZES):
        return None
    sizes = dict(zip(widths, _SIZES, strict=False))
    small: dict[str, nn.Module] = {name: nn.Identity() for name in children.idle}
    for seed, name in enumerate(children.linears):
        into, out = sizes[_width(own[name])], sizes[_width(own[name], True)]
        shape = (into, out) if is_conv1d(own[name]) else (out, into)
        bias = None if own[name].bias is None else normal(out, seed=20 + seed)
        weight = normal(*shape, seed=10 + seed)
        small[name] = bare_copy(own[name], {"weight": weight, "bias": bias})
        if is_conv1d(own[name]):
            small[name].nf = out  # type: ignore[assignment]
    for name in children.activations:
        small[name] = bare_copy(own[name])
    for name in children.norms:
        norm = own[name]
        width = sizes.get(norm.normalized_shape[0])
        if width is None or not norm.elementwise_affine:
            return None
        bias = None if norm.bias is None else normal(width, seed=31)
        small[name] = bare_copy(norm, {"weight": normal(width, seed=30), "bias": bias})
        small[name].normalized_shape = (width,)  # type: ignore[assignment]
    return small


def _width(layer: Any, out: bool = False) -> int:
    """Features into a linear layer, or out of it."""
    shape: Sequence[int] = layer.weight.shape
    return shape[0 if out is not is_conv1d(layer) else 1]


def _expected(
    form: Form, layers: Mapping[str, nn.Module], inputs: Sequence[torch.Tensor]
) -> torch.Tensor | None:
    """What a form gives, or None if the widths don't fit together."""
    linears = [layers[name].forward for name in form.linears]
    activation = layers[form.activation].forward if form.activation else _same
    norm = layers[form.norm].forward if form.norm else _same
    try:
        with torch.no_grad():
            return _FORMULAS[form.kind](linears, activation, norm, *inputs)
    except RuntimeError:  # torch's word for shapes that don't fit
        return None


def _same(x: torch.Tensor) -> torch.Tensor:
    return x


def _two(linears: Layers, act: Layer, _: Layer, x: torch.Tensor) -> torch.Tensor:
    return linears[1](act(linears[0](x)))


def _gated(linears: Layers, act: Layer, _: Layer, x: torch.Tensor) -> torch.Tensor:
    return linears[2](act(linears[0](x)) * linears[1](x))


def _activated(linears: Layers, act: Layer, norm: Layer, x: torch.Tensor) -> torch.Tensor:
    return norm(act(linears[0](x)))


def _residual(
    linears: Layers, _: Layer, norm: Layer, x: torch.Tensor, residual: torch.Tensor
) -> torch.Tensor:
    return norm(linears[0](x) + residual)


_FORMULAS: Mapping[str, Callable[..., torch.Tensor]] = {
    TWO: _two,
    GATED: _gated,
    ACTIVATED: _activated,
    RESIDUAL: _residual,
}
