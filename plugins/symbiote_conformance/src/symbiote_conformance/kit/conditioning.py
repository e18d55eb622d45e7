"""How far torch's own answer moves when what is in it is rounded."""

from __future__ import annotations

import copy
from typing import Any, Final

import torch
from torch import nn

from symbiote_conformance.closeness import Closeness, measure
from symbiote_core import relative_rms
from symbiote_core.structure import leaves, map_leaves

ROUNDING: Final = {
    "float32": 2.0**-12,
    "bfloat16": 2.0**-8,
    "bfloat8_b": 2.0**-6,
    "bfloat4_b": 2.0**-3,
}
"""Relative noise that stands for the roundings between two modules, by the dtype of weights."""

TRIES: Final = 4
"""How often noise is added; a single value may be near by chance."""

ROOM: Final = 3.0
"""How many times as far as torch's answer with noise a kernel's answer may be."""


def eased(
    bound: Closeness, original: nn.Module, args: Any, kwargs: Any, output: int, dtype: str
) -> Closeness:
    """A bound for one output of one call, wider where torch's own answer is ill-conditioned.

    Where terms cancel, as in a similarity that is nearly zero, any rounding changes much of what is
    left. How much is seen by adding noise of the size of roundings to what the modules in
    ``original`` return and to their parameters.

    Args:
        bound: that of an answer which is well-conditioned.
        original: the torch module.
        args: positional arguments of the call.
        kwargs: keyword arguments of the call.
        output: which of the output's leaves is meant.
        dtype: of the weights, a key of `ROUNDING`.
    """
    golden = _output(original, args, kwargs, output)
    if not bool(golden.isfinite().all()):
        return bound
    noise = _Noise(ROUNDING[dtype])
    worst = Closeness(1.0, 0.0, 0.0)
    squares = 0.0
    for _ in range(TRIES):
        moved = _output(noise.added_to(original), args, kwargs, output)
        seen = measure(golden, moved)
        squares += relative_rms(golden, moved) ** 2 / TRIES
        worst = Closeness(
            worst.pcc if seen.pcc is None else min(worst.pcc, seen.pcc),
            squares**0.5,
            worst.gain if seen.gain is None else max(worst.gain, abs(seen.gain - 1.0)),
        )
    return Closeness(
        min(bound.pcc, 1.0 - ROOM * (1.0 - worst.pcc)),
        max(bound.relative_rms, ROOM * worst.relative_rms),
        max(bound.gain, ROOM * worst.gain),
    )


def _output(module: nn.Module, args: Any, kwargs: Any, index: int) -> torch.Tensor:
    with torch.no_grad():
        found = list(leaves((module(*args, **kwargs),)))[index]
    assert isinstance(found, torch.Tensor)
    return found


class _Noise:
    """Relative noise, uniform and seeded.

    Args:
        size: the largest.
    """

    def __init__(self, size: float) -> None:
        self.size = size
        self.generator = torch.Generator().manual_seed(0)

    def added_to(self, original: nn.Module) -> nn.Module:
        """A copy whose parameters, and whose modules' outputs, have noise."""
        noisy = copy.deepcopy(original)
        with torch.no_grad():
            for parameter in noisy.parameters():
                if parameter.is_floating_point():
                    parameter.copy_(self._on(parameter))
        for module in noisy.modules():
            module.register_forward_hook(self._hook)
        return noisy

    def _hook(self, module: nn.Module, args: Any, output: Any) -> Any:
        return map_leaves(self._on, output)

    def _on(self, leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point():
            return leaf
        noise = torch.rand(leaf.shape, generator=self.generator).to(leaf.dtype) * 2.0 - 1.0
        return leaf * (1.0 + self.size * noise)
