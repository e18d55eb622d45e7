"""Which tokens a cache holds, for all of its layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from symbiote_ttnn.cache import Places


class CachedTokens:
    """What the layers of one cache know in common.

    torch keeps padding in its cache and masks it. The device keeps each row's real tokens one
    after the other, from place 0 on, so that a row needs no mask but its length.

    Attributes:
        seen: how many columns torch sees, padding included.
        lengths: how many real tokens each row has; their places are 0 … length - 1.
        growth: how many places the layers have for how many tokens.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.seen = 0
        self.lengths: list[int] = []
        self.growth = Places(limit)
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
