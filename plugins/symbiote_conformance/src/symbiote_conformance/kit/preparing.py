"""Torch modules that show mistakes: seeded, exact in bfloat16, and nothing in them constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

SPREAD = 0.25
"""Standard deviation of what is added to parameters that are constant."""


def prepared(build: Callable[[], nn.Module]) -> nn.Module:
    """What ``build`` makes, in eval mode and the same every time, ready to be a golden.

    Parameters are rounded to bfloat16, so that only computing differs. Those that are constant get
    values around what they are: norms start at one and biases at zero, which hides that a kernel
    leaves them out.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        module = build().eval()
        for parameter in module.parameters():
            if not parameter.is_floating_point():
                continue
            if parameter.numel() > 1 and bool((parameter == parameter.flatten()[0]).all()):
                parameter.add_(torch.randn_like(parameter) * SPREAD)
            parameter.copy_(parameter.bfloat16())
    return module


def other_weights(module: nn.Module, seed: int) -> dict[str, Any]:
    """A ``state_dict`` of ``module`` with other values for its floating-point parameters."""
    generator = torch.Generator().manual_seed(seed)
    names = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    state = {key: value.detach().clone() for key, value in module.state_dict().items()}
    written: dict[int, torch.Tensor] = {}
    own = dict(module.named_parameters(remove_duplicate=False))
    for key, value in state.items():
        if key not in names or not value.is_floating_point():
            continue
        tied = written.get(id(own[key]))
        if tied is None:
            scale = float(value.std()) if value.numel() > 1 else SPREAD
            noise = torch.randn(value.shape, generator=generator).to(value.dtype)
            tied = (value + noise * (scale or SPREAD)).bfloat16().to(value.dtype)
            written[id(own[key])] = tied
        state[key] = tied.clone()
    return state
