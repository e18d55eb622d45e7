"""Finding out what a module computes: its forward, on other weights, beside a formula.

Nothing of the module is touched: a probe is another object of its class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

TOLERANCE = 1e-4
"""The relative error of two ways to compute the same in float32; what differs does so by more."""

_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def bare_copy(
    module: nn.Module,
    parameters: Mapping[str, torch.Tensor | None] | None = None,
    children: Mapping[str, nn.Module] | None = None,
) -> nn.Module:
    """A module of the same class and attributes, in eval mode, that nobody hooked.

    Args:
        module: the module; it is left as it is.
        parameters: take the place of its own parameters.
        children: take the place of its children.
    """
    probe: nn.Module = object.__new__(type(module))
    own = probe.__dict__
    own.update(module.__dict__)
    own.pop("forward", None)
    own["training"] = False
    for name in _HOOKS:
        own[name] = type(own[name])()
    if parameters is not None:
        own["_parameters"] = {
            name: None if value is None else nn.Parameter(value, requires_grad=False)
            for name, value in parameters.items()
        }
    own["_modules"] = dict(children or {})
    return probe


def answer(module: nn.Module, *inputs: torch.Tensor) -> torch.Tensor | None:
    """What the forward of a probe gives, or None if it is not one tensor, or fails."""
    try:
        with torch.no_grad():
            out = module.forward(*inputs)
    except Exception:  # a foreign forward that wants something else: then it is no known form
        return None
    return out if isinstance(out, torch.Tensor) else None


def agree(got: torch.Tensor | None, expected: torch.Tensor) -> bool:
    """Whether two results are the same but for rounding."""
    if got is None or got.shape != expected.shape or not got.isfinite().all():
        return False
    difference = (got.to(expected.dtype) - expected).abs().max()
    return bool(difference <= TOLERANCE * expected.abs().max())


def normal(*shape: int, seed: int) -> torch.Tensor:
    """Seeded values [*shape], float32, that leave torch's own generator alone."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def is_torchs_own(module: Any) -> bool:
    """Whether torch defines the class."""
    return type(module).__module__.startswith("torch.nn.")
