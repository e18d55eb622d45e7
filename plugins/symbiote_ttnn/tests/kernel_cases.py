"""Torch modules, the kernels for them, and hypothesis strategies of their inputs."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from torch import nn

from symbiote_core import TTNNModule, pcc, relative_rms, set_device

sizes = st.integers(1, 70)
"""Sizes off the grid of 32, on it, and beyond one tile."""

leading = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)
"""The dimensions before the last one."""


def seeded(*shape: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    """Normal values [*shape], float32."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def rounded(module: nn.Module) -> nn.Module:
    """The module with its parameters rounded to bfloat16, so that only computing differs."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(seeded(*parameter.shape, seed=parameter.numel(), scale=0.5).bfloat16())
    return module.eval()


def on_device(kernel: type[TTNNModule], layer: nn.Module, device: Any, **config: Any) -> TTNNModule:
    """The kernel for ``layer`` on ``device``, strict: what fails is raised."""
    assert kernel.supports(layer) is None
    module = kernel.from_torch(layer)
    module.set_model_config(config or None)
    set_device(module, device)
    module._symbiote.strict = True
    return module


def assert_near(expected: torch.Tensor, actual: torch.Tensor, rms: float = 0.01) -> None:
    """Same shape and dtype; scale and correlation kept."""
    host = actual.to_torch  # type: ignore[attr-defined]
    assert host.shape == expected.shape
    assert host.dtype == expected.dtype
    assert relative_rms(expected, host) <= rms
    assert expected.numel() < 3 or pcc(expected, host) > 0.999
