"""Masks as TTNN's attention takes them: what is added to the scores."""

from __future__ import annotations

import torch

from symbiote_ttnn import HIDDEN, added_to_scores, require_seen_keys


def additive_mask(*masks: torch.Tensor) -> torch.Tensor:
    """Several masks of scores in one.

    Args:
        masks: each [1 or B, 1, S, S]: booleans that tell what a query sees, or what is added to its
            scores.

    Returns:
        float32 [1 or B, 1, S, S], no less than `symbiote_ttnn.HIDDEN`.

    Raises:
        UnsupportedInputError: if a query sees no key at all, which torch's implementations of
            attention answer differently.
    """
    total: torch.Tensor | None = None
    for mask in masks:
        added = added_to_scores(mask)
        total = added if total is None else (total + added).clamp(min=HIDDEN)
    assert total is not None
    require_seen_keys(total)
    return total


def causal_mask(padding: torch.Tensor) -> torch.Tensor:
    """What tokens see: themselves and what stands before them, but for padding.

    Args:
        padding: [B, S], zero where a token is padding.

    Returns:
        booleans [B, 1, S, S].
    """
    length = padding.shape[1]
    before = torch.ones(length, length, dtype=torch.bool).tril()
    return before & padding.bool()[:, None, None, :]
