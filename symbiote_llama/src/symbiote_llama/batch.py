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
        rows: B, how many rows there are.
        length: S, how many columns come.
        columns: booleans [B, S], which of them hold a real token; None if all do.
        order: [B, S], the real columns of each row first; None if they stand first already.
        places: [B, S], where in the cache each token goes, in that order.
        positions: [B, S], its position for the rotary embedding, in that order. Behind a row's
            last real token, both go on counting.
    """

    rows: int
    length: int
    columns: torch.Tensor | None
    order: torch.Tensor | None
    places: torch.Tensor
    positions: torch.Tensor

    @property
    def last(self) -> int:
        """The largest position."""
        return int(self.positions.max())

    @property
    def most(self) -> int:
        """How many tokens the longest row has then."""
        counts = self.length if self.columns is None else self.columns.sum(1)
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


@attrs.frozen(eq=False)
class NextTokens:
    """One more token of each row, behind those of a cache.

    Plain numbers: with so few of them, each operation of torch costs more than all of these.

    Attributes:
        columns: booleans [B, 1], which rows get a real token; None if all do.
        places: where in the cache each goes.
        positions: its position for the rotary embedding.
    """

    columns: torch.Tensor | None
    places: list[int]
    positions: list[int]
    length: int = 1
    order: None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.places)

    @property
    def last(self) -> int:
        """The largest position."""
        return max(self.positions)

    @property
    def most(self) -> int:
        """How many tokens the longest row has then."""
        if self.columns is None:
            return max(self.places) + 1
        return max(map(int.__add__, self.places, self.columns[:, 0].int().tolist()))

    def gather(self, tokens: torch.Tensor) -> torch.Tensor:
        """Ids [B, 1] or embeddings [B, 1, D] as one row of B."""
        return tokens.transpose(0, 1)


def read_tokens(
    rows: int,
    length: int,
    mask: torch.Tensor | None,
    positions: torch.Tensor | None,
    cached: CachedTokens | None,
) -> Batch | NextTokens | None:
    """Read what torch code passes.

    Args:
        rows: B, how many rows there are.
        length: S, how many new columns.
        mask: torch's padding mask, [B, T + S]; None if all tokens are real.
        positions: [B, S] or [1, S]; None to count columns.
        cached: what the cache holds, T columns; None if there is none.

    Returns:
        The tokens, or None for a mask that says more than which tokens are padding, or that does
        not go with the cache.
    """
    seen = 0 if cached is None else cached.seen
    if positions is not None and (positions.ndim != 2 or positions.shape[1] != length):
        return None
    columns = None
    if mask is not None and mask.shape != (rows, seen + length):
        return None
    if mask is None or bool(mask.all()):
        if cached is not None and cached.has_padding and not bool(cached.columns.all()):
            return None
    else:
        real = mask.bool()
        if cached is not None and seen and not torch.equal(real[:, :seen], cached.columns):
            return None
        columns = real[:, seen:]
    if cached is not None and seen and length == 1:
        at = [seen] if positions is None else positions[:, 0].tolist()
        return NextTokens(columns, cached.lengths, at * rows if len(at) < rows else at)
    before = cached.lengths if cached is not None and seen else None
    return _read_batch(rows, length, columns, positions, seen, before)


def _read_batch(
    rows: int,
    length: int,
    columns: torch.Tensor | None,
    positions: torch.Tensor | None,
    seen: int,
    before: list[int] | None,
) -> Batch:
    if positions is None:
        positions = torch.arange(seen, seen + length).unsqueeze(0)
    positions = positions.expand(rows, length)
    places = along = torch.arange(length).expand(rows, length)
    if before is not None:
        places = along + torch.tensor(before).unsqueeze(1)
    if columns is None:
        return Batch(rows, length, None, None, places, positions)
    order = None
    counts = columns.sum(1, keepdim=True)
    behind = along >= counts
    if bool((columns == behind).any()):
        order = torch.argsort(~columns, dim=1, stable=True)
        positions = positions.gather(1, order)
    # What stands behind a row's last token is ignored; it goes on counting from it.
    last = positions.gather(1, (counts - 1).clamp(min=0))
    positions = torch.where(behind, last + along - counts + 1, positions)
    return Batch(rows, length, columns, order, places, positions)


def is_padding_mask(mask: Any) -> bool:
    """Whether a mask is None or tells, [B, T], which tokens are padding."""
    return mask is None or (isinstance(mask, torch.Tensor) and mask.ndim == 2)
