"""The tokens that come in: which are real, where they go, at which positions they stand."""

from __future__ import annotations

from typing import Any

import attrs
import torch

from symbiote_llama.cache import CachedTokens


@attrs.frozen(eq=False)
class Batch:
    """New tokens of each row.

    Attributes:
        columns: booleans [B, S], which of the columns that torch sees hold a real token.
        order: [B, S], the real columns of each row first; None if they stand first already.
        places: [B, S], where in the cache each token goes, in that order.
        positions: [B, S], its position for the rotary embedding, in that order. Behind a row's
            last real token, both go on counting.
    """

    columns: torch.Tensor
    order: torch.Tensor | None
    places: torch.Tensor
    positions: torch.Tensor

    @classmethod
    def of(
        cls,
        batch: int,
        length: int,
        mask: torch.Tensor | None,
        positions: torch.Tensor | None,
        cached: CachedTokens | None,
    ) -> Batch | None:
        """Read what torch code passes.

        Args:
            batch: B, how many rows there are.
            length: S, how many new columns.
            mask: torch's padding mask, [B, T + S]; None if all tokens are real.
            positions: [B, S] or [1, S]; None to count columns.
            cached: what the cache holds, T columns; None if there is none.

        Returns:
            The tokens, or None for a mask that says more than which tokens are padding, or that
            does not go with the cache.
        """
        seen = 0 if cached is None else cached.seen
        columns = torch.ones(batch, length, dtype=torch.bool)
        if mask is not None:
            if mask.shape != (batch, seen + length):
                return None
            real = mask.bool()
            if cached is not None and seen and not torch.equal(real[:, :seen], cached.columns):
                return None
            columns = real[:, seen:]
        elif cached is not None and seen and not bool(cached.columns.all()):
            return None
        if positions is None:
            positions = torch.arange(seen, seen + length).unsqueeze(0)
        if positions.ndim != 2:
            return None
        positions = positions.expand(batch, length)
        order = None
        counts = columns.sum(1, keepdim=True)
        along = torch.arange(length).expand(batch, length)
        if not bool((columns == (along < counts)).all()):
            order = torch.argsort(~columns, dim=1, stable=True)
            positions = positions.gather(1, order)
        before = torch.zeros(batch, 1, dtype=torch.long)
        if cached is not None and seen:
            before = torch.tensor(cached.lengths).unsqueeze(1)
        if bool((along >= counts).any()):
            # What stands behind a row's last token is ignored; it goes on counting from it.
            last = positions.gather(1, (counts - 1).clamp(min=0))
            positions = torch.where(along < counts, positions, last + along - counts + 1)
        return cls(columns, order, before + along, positions)

    @property
    def stand_in_place(self) -> bool:
        """Whether every token's position is its place in the cache."""
        return torch.equal(self.places, self.positions)

    @property
    def last(self) -> int:
        """The largest position."""
        return int(self.positions.max())

    @property
    def most(self) -> int:
        """How many tokens the longest row has then."""
        counts = self.columns.sum(1)
        return int((self.places[:, 0] + counts).max())

    @property
    def stand_alike(self) -> bool:
        """Whether all rows have the same positions, one after the other."""
        first = self.positions[:1]
        count = torch.arange(first.shape[1]) + first[:, :1]
        return bool((self.positions == first).all()) and torch.equal(first, count)

    def gather(self, tokens: torch.Tensor) -> torch.Tensor:
        """Ids [B, S] or embeddings [B, S, D], the real ones of each row first."""
        if self.order is None:
            return tokens
        order = self.order
        if tokens.ndim == 3:
            order = order.unsqueeze(-1).expand_as(tokens)
        return tokens.gather(1, order)

    def rows_back(self) -> torch.Tensor:
        """Where in the flat [B * S] rows each column of torch's [B, S] is."""
        assert self.order is not None
        batch, length = self.order.shape
        back = torch.empty_like(self.order)
        back.scatter_(1, self.order, torch.arange(length).expand(batch, length))
        return back + torch.arange(batch).unsqueeze(1) * length


def is_padding_mask(mask: Any) -> bool:
    """Whether a mask is None or tells, [B, T], which tokens are padding."""
    return mask is None or (isinstance(mask, torch.Tensor) and mask.ndim == 2)
