"""The attention mask as TTNN takes it: what is added to the scores."""

from __future__ import annotations

import torch

from symbiote_core import UnsupportedInputError
from symbiote_ttnn import added_to_scores, require_seen_keys


def additive_mask(mask: torch.Tensor) -> torch.Tensor:
    """A mask of transformers as TTNN's attention takes it.

    Args:
        mask: [B, 1, 1 or S, S]: booleans, true where a query sees a key (``sdpa``), or what is
            added to the scores (``eager``).

    Returns:
        float32 [B, 1, S, S], no less than `symbiote_ttnn.HIDDEN`: TTNN wants a row for every query.

    Raises:
        UnsupportedInputError: for another shape, and if a query sees no key at all, which torch's
            implementations of attention answer differently.
    """
    length = mask.shape[-1]
    if mask.ndim != 4 or mask.shape[-2] not in (1, length):
        raise UnsupportedInputError(f"the mask {list(mask.shape)} is not [B, 1, 1 or S, S]")
    added = added_to_scores(mask)
    require_seen_keys(added)
    return added.expand(-1, -1, length, -1)
