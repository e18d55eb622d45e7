"""Units in the last place of bfloat16, for tolerances."""

from __future__ import annotations

import torch

_SMALLEST_EXPONENT = -126


def bf16_ulp(value: torch.Tensor) -> torch.Tensor:
    """The distance between bfloat16 neighbours around ``value``, as float64.

    Args:
        value: any shape, any float dtype; zeros and subnormals have the ulp of the smallest
            normal number.
    """
    _, exponent = torch.frexp(value.to(torch.float64).abs())
    floor = torch.where(value == 0, _SMALLEST_EXPONENT, exponent - 1).clamp(min=_SMALLEST_EXPONENT)
    return torch.ldexp(torch.ones_like(value, dtype=torch.float64), floor - 7)
