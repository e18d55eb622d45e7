"""Masks: what torch code passes, and what tokens see."""

from __future__ import annotations

from typing import Any

import torch


def is_padding_mask(mask: Any, batch: int, length: int) -> bool:
    """Whether a mask says which of ``length`` columns are real: None, or [batch, length]."""
    return mask is None or (
        isinstance(mask, torch.Tensor) and mask.ndim == 2 and tuple(mask.shape) == (batch, length)
    )


def real_columns(mask: torch.Tensor | None) -> torch.Tensor | None:
    """Booleans [B, S] of a padding mask, or None if nothing is hidden."""
    if mask is None:
        return None
    columns = mask.bool()
    return None if bool(columns.all()) else columns


def causal(before: int, length: int, columns: torch.Tensor | None) -> torch.Tensor:
    """What ``length`` tokens behind ``before`` others see, as booleans [1 or B, 1, S, T].

    Args:
        before: how many tokens stand before them.
        length: how many new ones there are, S; T is the sum of both.
        columns: booleans [B, T], which of the tokens are real; None if all are.
    """
    query = torch.arange(before, before + length).unsqueeze(1)
    seen = (torch.arange(before + length) <= query)[None, None]
    return seen if columns is None else seen & columns[:, None, None, :]
