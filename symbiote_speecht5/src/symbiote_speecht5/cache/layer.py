"""The keys and values of one decoder layer, on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from symbiote_core import Runtime
from symbiote_core.fallback import Activity
from symbiote_speecht5.cache.utterance import Utterance
from symbiote_ttnn import ttnn
from symbiote_ttnn.cache import DeviceLayer, Places, TokenLayer


class SelfLayer(TokenLayer):
    """Keys and values of the decoder's own tokens; all rows have as many.

    Args:
        limit: how many tokens a row can hold at most, or None to grow.
        dtype: what torch is shown.
        runtime: where it lives.
        activity: counts its transfers.
    """

    def __init__(
        self, limit: int | None, dtype: torch.dtype, runtime: Runtime, activity: Activity
    ) -> None:
        super().__init__(dtype, runtime, activity)
        self.length = 0
        self.growth = Places(limit)

    def fill(self, keys: Any, values: Any) -> None:
        """Keep the keys and values of the first tokens, [B, heads, S, head_size] on the device."""
        super().fill(keys, values)
        self.length = int(keys.shape[2])

    def room_for_one(self, rows: int, heads: int, size: int, device: Any) -> None:
        """Make a place for one more token of each of ``rows`` sequences."""
        if self.tt_keys is not None:
            self.room_for(self.length + 1)
            return
        shape = (rows, heads, self.growth.capacity_for(1), size)
        make = {"dtype": ttnn.bfloat16, "layout": ttnn.TILE_LAYOUT, "device": device}
        self.tt_keys, self.tt_values = ttnn.zeros(shape, **make), ttnn.zeros(shape, **make)

    def extend(self, keys: Any, values: Any) -> tuple[Any, Any]:
        """Put several tokens behind those there are.

        Returns:
            Keys and values of all tokens, [B, heads, T, head_size].
        """
        if self.tt_keys is None:
            self.fill(keys, values)
            return keys, values
        both = self.append(keys, values, self.length)
        self.length += int(keys.shape[2])
        return both

    def _columns(self) -> int:
        return self.length

    def _as_torch_has_them(self, host: torch.Tensor) -> torch.Tensor:
        return host[:, :, : self.length]

    def reset(self) -> None:
        """Forget all tokens."""
        super().reset()
        self.length = 0

    def crop(self, count: int) -> None:
        """Keep the first ``count`` tokens, or drop the last ``-count``."""
        seen = self.get_seq_length()
        kept = count if count >= 0 else max(seen + count, 0)
        if kept >= seen:
            return
        self.length = kept
        if not self.on_device:
            self.keys, self.values = self.keys[:, :, :kept], self.values[:, :, :kept]


class CrossLayer(DeviceLayer):
    """Keys and values of the encoder's states, projected once.

    Args:
        utterance: what the layers of a cache share.
        first: whether it is the one that tells ``utterance`` of changes of rows.
        dtype: what torch is shown.
        runtime: where it lives.
        activity: counts its transfers.
    """

    def __init__(
        self,
        utterance: Utterance,
        first: bool,
        dtype: torch.dtype,
        runtime: Runtime,
        activity: Activity,
    ) -> None:
        super().__init__(dtype, runtime, activity)
        self.utterance = utterance
        self.first = first

    def _columns(self) -> int:
        return 0 if self.tt_keys is None else int(self.utterance.columns.shape[1])

    def _as_torch_has_them(self, host: torch.Tensor) -> torch.Tensor:
        return self.utterance.back(host)

    def _keep_rows(self, rows: Sequence[int]) -> None:
        if self.first:
            self.utterance.select(rows)

    def crop(self, count: int) -> None:
        """Nothing: the encoder's states stay."""
