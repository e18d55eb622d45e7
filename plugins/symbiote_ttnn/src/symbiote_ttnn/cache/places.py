"""How many places a cache has."""

from __future__ import annotations

import attrs

from symbiote_core import SymbioteError

STEP = 256
"""A cache grows by multiples of so many tokens."""

TILE_HEIGHT = 32
"""Height of a TTNN tile; the length of a cache is a multiple of it."""


class CacheFullError(SymbioteError, ValueError):
    """A forward would put more tokens into a cache than it was made for."""


@attrs.frozen
class Places:
    """How a cache grows.

    Attributes:
        limit: how many tokens a row can hold at most: the cache has places for all of them from
            the start. None to grow in steps of `STEP` places, doubling.
    """

    limit: int | None = None

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

    def capacity_for(self, tokens: int, before: int = 0) -> int:
        """How many places a row has for ``tokens`` tokens, where it had ``before``."""
        if self.limit is not None:
            return -(-self.limit // TILE_HEIGHT) * TILE_HEIGHT
        if tokens <= before:
            return before
        return -(-max(tokens, 2 * before) // STEP) * STEP
