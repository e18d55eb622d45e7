"""Finding modules whose structure a kernel can be written for: linear layers and an activation.

What a module computes is not read off its source: a candidate is run, with random weights, beside
the formula that the kernel would follow.
"""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import torch
from torch import nn

from symbiote_ttnn import TTNNGelu, activation_name

Formula = Callable[[Mapping[str, Any], torch.Tensor], torch.Tensor]

FORMULAS: Mapping[str, tuple[tuple[str, ...], Formula, str]] = {
    "gated": (
        ("gate", "up", "down"),
        lambda m, x: m["down"](m["act"](m["gate"](x)) * m["up"](x)),
        "{down}({act}({gate}(x)) * {up}(x))",
    ),
    "mlp": (
        ("up", "down"),
        lambda m, x: m["down"](m["act"](m["up"](x))),
        "{down}({act}({up}(x)))",
    ),
    "activated": (("up",), lambda m, x: m["act"](m["up"](x)), "{act}({up}(x))"),
}
"""By kind, the coarsest first: the roles of the linear layers, what is computed, and in words."""

_WITHOUT_EFFECT = (nn.Dropout, nn.Identity)


@attrs.frozen
class Structure:
    """What a module is made of.

    Attributes:
        kind: a key of `FORMULAS`, or ``linear`` for `nn.Linear` itself.
        roles: the attribute for each role; that of the activation is ``act``.
        fused: whether TTNN computes the activation in the program of the linear layer before it.
    """

    kind: str
    roles: Mapping[str, str]
    fused: bool = True

    @property
    def formula(self) -> str:
        """What it computes, in the module's own names."""
        return FORMULAS[self.kind][2].format(**self.roles)


def structure_of(module: nn.Module) -> Structure | None:
    """The structure of a module, or None if it is none that a kernel can be written for.

    Args:
        module: on the CPU; it is left as it is.
    """
    children = dict(module.named_children())
    linears = [name for name, child in children.items() if type(child) is nn.Linear]
    acts = [name for name, child in children.items() if _fuses(child) is not None]
    others = [n for n in children if n not in (*linears, *acts)]
    if len(acts) != 1 or not all(isinstance(children[n], _WITHOUT_EFFECT) for n in others):
        return None
    twin = _randomized(module)
    for kind, (wanted, formula, _) in FORMULAS.items():
        if len(wanted) != len(linears):
            continue
        for order in itertools.permutations(linears):
            roles = dict(zip(wanted, order, strict=True)) | {"act": acts[0]}
            if _computes(twin, roles, formula):
                return Structure(kind, roles, bool(_fuses(children[acts[0]])))
    return None


def structures(model: nn.Module) -> Iterator[tuple[str, nn.Module, Structure]]:
    """Path, module and structure of the first module of every class that has one.

    Args:
        model: a model on the CPU, in eval mode.
    """
    seen: set[type] = set()
    for path, module in model.named_modules():
        if path and type(module) not in seen and not type(module).__module__.startswith("torch."):
            seen.add(type(module))
            found = structure_of(module)
            if found is not None:
                yield path, module, found


def _fuses(child: nn.Module) -> bool | None:
    """Whether an activation can be fused; None for what is no activation of TTNN's."""
    if activation_name(child) is not None:
        return True
    return False if TTNNGelu.supports(child) is None else None


def _randomized(module: nn.Module) -> nn.Module:
    twin = copy.deepcopy(module).float()
    generator = torch.Generator().manual_seed(0)
    for parameter in twin.parameters():
        parameter.data.normal_(0, 0.3, generator=generator)
    return twin


@torch.no_grad()
def _computes(module: nn.Module, roles: Mapping[str, str], formula: Formula) -> bool:
    parts = {role: getattr(module, name) for role, name in roles.items()}
    first = parts["gate"] if "gate" in parts else parts["up"]
    x = torch.randn(2, 5, first.in_features, generator=torch.Generator().manual_seed(1))
    try:
        got, wanted = module(x), formula(parts, x)
    except Exception:  # it takes something else, or these layers don't fit each other: not this one
        return False
    return (
        isinstance(got, torch.Tensor) and got.shape == wanted.shape and torch.allclose(got, wanted)
    )
