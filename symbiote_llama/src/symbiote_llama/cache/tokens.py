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
        seen: how many columns torch sees, padding included.
        lengths: how many real tokens each row has; their places are 0 … length - 1.
        limit: how many tokens a row can hold at most, or None if the cache grows.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.seen = 0
        self.lengths: list[int] = []
        self.limit = limit
        self._columns: torch.Tensor | None = None

    @property
    def columns(self) -> torch.Tensor:
        """Booleans [B, T]: which of the columns that torch sees hold a real token."""
        if self._columns is None:
            return torch.ones(len(self.lengths), self.seen, dtype=torch.bool)
        return self._columns

    @property
    def has_padding(self) -> bool:
        """Whether some of the columns may be padding."""
        return self._columns is not None

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

    def add(self, rows: int, length: int, columns: torch.Tensor | None = None) -> None:
        """Take new columns behind those there are.

        Args:
            rows: B, how many sequences there are.
            length: S, how many columns come.
            columns: booleans [B, S], which of them hold a real token; None if all do.
        """
        counts = [length] * rows
        if columns is not None:
            counts = columns.sum(1).tolist()
        if columns is not None or self._columns is not None:
            new = torch.ones(rows, length, dtype=torch.bool) if columns is None else columns
            self._columns = torch.cat([self.columns, new], dim=1) if self.seen else new
        before = self.lengths if self.seen else [0] * rows
        self.lengths = [old + new for old, new in zip(before, counts, strict=True)]
        self.seen += length

    def crop(self, columns: int) -> None:
        """Forget all but the first columns."""
        self.seen = columns
        self.lengths = [columns] * len(self.lengths)
        if self._columns is not None:
            self._columns = self._columns[:, :columns]
            self.lengths = self._columns.sum(1).tolist()

    def select(self, rows: Sequence[int]) -> None:
        """Keep these rows, in this order; a row may be kept several times."""
        if self._columns is not None:
            self._columns = self._columns[list(rows)]
        self.lengths = [self.lengths[row] for row in rows]

    def clear(self) -> None:
        """Forget everything."""
        self.seen = 0
        self.lengths = []
        self._columns = None

    def capacity_for(self, tokens: int, before: int = 0) -> int:
        """How many places to make for ``tokens`` tokens a row, where there were ``before``."""
        if self.limit is not None:
            return -(-self.limit // TILE_HEIGHT) * TILE_HEIGHT
        return -(-max(tokens, 2 * before) // STEP) * STEP
