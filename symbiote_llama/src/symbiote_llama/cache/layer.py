"""The keys and values of one decoder layer, on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from symbiote_core import Runtime
from symbiote_core.fallback import Activity
from symbiote_llama.cache.tokens import CachedTokens
from symbiote_ttnn.cache import TokenLayer


class DeviceCacheLayer(TokenLayer):
    """Keys and values [B, KV, capacity, head_size] of rows that may differ in length.

    Of row b, the first ``tokens.lengths[b]`` places count: padding takes none. On torch it has
    columns again.

    Args:
        tokens: what the layers of the cache know in common.
        first: whether it is the one that tells ``tokens`` of changes of rows and columns.
        dtype: what torch is shown.
        runtime: where it lives.
        activity: counts its transfers.
    """

    def __init__(
        self,
        tokens: CachedTokens,
        first: bool,
        dtype: torch.dtype,
        runtime: Runtime,
        activity: Activity,
    ) -> None:
        super().__init__(dtype, runtime, activity)
        self.tokens = tokens
        self.first = first
        self.growth = tokens.growth

    def extend(self, keys: Any, values: Any) -> tuple[Any, Any]:
        """Put several tokens behind those of rows that all have as many.

        Returns:
            Keys and values of all tokens, [B, KV, T, head_size].
        """
        return self.append(keys, values, self.tokens.lengths[0])

    def _columns(self) -> int:
        return self.tokens.seen

    def _as_torch_has_them(self, host: torch.Tensor) -> torch.Tensor:
        columns = self.tokens.columns
        batch, heads, _, size = host.shape
        spread = host.new_zeros(batch, heads, self.tokens.seen, size)
        for row, length in enumerate(self.tokens.lengths):
            spread[row, :, columns[row]] = host[row, :, :length]
        return spread

    def _keep_rows(self, rows: Sequence[int]) -> None:
        if self.first and self.tokens.seen:
            self.tokens.select(rows)

    def reset(self) -> None:
        """Forget all tokens."""
        super().reset()
        if self.first:
            self.tokens.clear()

    def crop(self, count: int) -> None:
        """Keep the first ``count`` columns, or drop the last ``-count``."""
        kept = count if count >= 0 else max(self.get_seq_length() + count, 0)
        if kept >= self.get_seq_length():
            return
        if not self.on_device:
            self.keys, self.values = self.keys[:, :, :kept], self.values[:, :, :kept]
        if self.first:
            self.tokens.crop(kept)
