"""Which tokens a cache holds, for all of its layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from symbiote_core import SymbioteError

STEP = 256
"""A cache grows by multiples of so many tokens."""

TILE_HEIGHT = 32
"""Height of a TTNN tile; the length of a cache is a multiple of it."""


class CacheFullError(SymbioteError, ValueError):
    """A forward would put more tokens into a cache than it was made for."""


class CachedTokens:
    """What the layers of one cache know in common.

    torch keeps padding in its cache and masks it. The device keeps each row's real tokens one
    after the other, from place 0 on, so that a row needs no mask but its length.

    Attributes:
        columns: booleans [B, T], which of the columns that torch sees hold a real token.
        lengths: how many real tokens each row has; their places are 0 … length - 1.
        limit: how many tokens a row can hold at most, or None if the cache grows.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.columns = torch.zeros(0, 0, dtype=torch.bool)
        self.lengths: list[int] = []
        self.limit = limit

    @property
    def seen(self) -> int:
        """How many columns torch sees, padding included."""
        return self.columns.shape[1]

    @property
    def is_uniform(self) -> bool:
        """Whether all rows have as many tokens."""
        return len(set(self.lengths)) <= 1

    def require(self, tokens: int) -> None:
        """Refuse more tokens of a row than the cache was made for.

        Raises:
            CacheFullError: for more than ``limit``.
        """
        if self.limit is not None and tokens > self.limit:
            raise CacheFullError(
                f"The cache holds {self.limit} tokens of a sequence (model_config["
                f"'cache_length']), and this forward would make it {tokens}. Generate less, give a "
                "larger cache_length, or leave it out to let the cache grow."
            )

    def add(self, columns: torch.Tensor) -> None:
        """Take new columns, [B, S] of booleans, behind those there are."""
        if not self.seen:
            self.columns = columns
            self.lengths = columns.sum(1).tolist()
            return
        self.columns = torch.cat([self.columns, columns], dim=1)
        counts = columns.sum(1).tolist()
        self.lengths = [old + new for old, new in zip(self.lengths, counts, strict=True)]

    def crop(self, columns: int) -> None:
        """Forget all but the first columns."""
        self.columns = self.columns[:, :columns]
        self.lengths = self.columns.sum(1).tolist()

    def select(self, rows: Sequence[int]) -> None:
        """Keep these rows, in this order; a row may be kept several times."""
        self.columns = self.columns[list(rows)]
        self.lengths = [self.lengths[row] for row in rows]

    def clear(self) -> None:
        """Forget everything."""
        self.columns = torch.zeros(0, 0, dtype=torch.bool)
        self.lengths = []

    def capacity_for(self, tokens: int, before: int = 0) -> int:
        """How many places to make for ``tokens`` tokens a row, where there were ``before``."""
        if self.limit is not None:
            return -(-self.limit // TILE_HEIGHT) * TILE_HEIGHT
        return -(-max(tokens, 2 * before) // STEP) * STEP
