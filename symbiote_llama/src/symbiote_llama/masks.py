"""Masks for what TTNN's attention does not mask by itself."""

from __future__ import annotations

import torch

from symbiote_ttnn import added_to_scores


def continuation_mask(before: int, length: int, window: int | None) -> torch.Tensor:
    """What ``length`` tokens behind ``before`` others see: [1, 1, S, T].

    Args:
        before: how many tokens stand before them.
        length: how many new ones there are, S; T is the sum of both.
        window: how many positions a token sees, itself included; None for all before it.
    """
    query = torch.arange(before, before + length).unsqueeze(1)
    key = torch.arange(before + length)
    seen = key <= query
    if window is not None:
        seen &= key > query - window
    return added_to_scores(seen)[None, None]
