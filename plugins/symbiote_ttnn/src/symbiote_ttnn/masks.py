"""Masks of attention as TTNN takes them: what is added to the scores."""

from __future__ import annotations

import torch

from symbiote_core import UnsupportedInputError

HIDDEN = -1e9
"""Added to the scores of keys that a query must not see; finite, as TTNN's kernels want it."""


def added_to_scores(mask: torch.Tensor) -> torch.Tensor:
    """What a mask of torch adds to the scores of an attention, made finite.

    Args:
        mask: of any shape: booleans, true where a query sees a key, or what is added to the scores.

    Returns:
        float32 of the same shape, nowhere less than `HIDDEN`.
    """
    if mask.dtype is torch.bool:
        return torch.zeros(mask.shape).masked_fill(~mask, HIDDEN)
    return mask.float().clamp(min=HIDDEN)


def require_seen_keys(added: torch.Tensor) -> None:
    """Refuse a mask by which a query sees no key at all.

    Torch's implementations of attention answer such a query differently.

    Args:
        added: what is added to the scores, [..., Sq, Sk].

    Raises:
        UnsupportedInputError: if there is such a query.
    """
    if not bool((added > HIDDEN / 2).any(dim=-1).all()):
        raise UnsupportedInputError("the mask hides every key from some query")
