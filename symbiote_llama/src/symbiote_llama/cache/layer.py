"""The keys and values of one decoder layer, on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

from symbiote_core import Runtime
from symbiote_core.fallback import Activity
from symbiote_llama.cache.tokens import CachedTokens
from symbiote_ttnn import ttnn


class DeviceCacheLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of a Hugging Face ``Cache`` whose keys and values are TTNN tensors.

    Both are [B, KV, capacity, head_size]; of row b, the first ``tokens.lengths[b]`` places count.
    Torch code that updates it, such as a layer that fell back, brings it to torch for good: it is
    a ``DynamicLayer`` from then on, padding included.

    Attributes:
        tokens: what the layers of the cache know in common.
        first: whether it is the one that tells ``tokens`` of changes of rows and columns.
        tt_keys, tt_values: on the device; None before the first tokens and on torch.
    """

    def __init__(
        self,
        tokens: CachedTokens,
        first: bool,
        dtype: torch.dtype,
        runtime: Runtime,
        activity: Activity,
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.first = first
        self.keys: Any = None
        self.values: Any = None
        self.is_initialized = False
        self.tt_keys: Any = None
        self.tt_values: Any = None
        self._shown = dtype
        self._runtime = runtime
        self._activity = activity
        self._on_torch = False

    # -- on the device ----------------------------------------------------------------------------

    @property
    def on_device(self) -> bool:
        """Whether the device holds it; an empty one can be filled there."""
        return not self._on_torch

    @property
    def capacity(self) -> int:
        """How many tokens a row has places for."""
        return 0 if self.tt_keys is None else int(self.tt_keys.shape[2])

    def start(self, keys: Any, values: Any) -> None:
        """Keep the keys and values of the first tokens.

        Args:
            keys: [B, KV, S, head_size] on the device.
            values: likewise.
        """
        length = int(keys.shape[2])
        more = self.tokens.capacity_for(length) - length
        self.tt_keys, self.tt_values = _padded(keys, more), _padded(values, more)

    def room_for(self, tokens: int) -> None:
        """Make places for ``tokens`` tokens a row."""
        if tokens <= self.capacity:
            return
        more = self.tokens.capacity_for(tokens, self.capacity) - self.capacity
        self.tt_keys = _padded(self.tt_keys, more)
        self.tt_values = _padded(self.tt_values, more)

    def write(self, keys: Any, values: Any, places: Any) -> None:
        """Write one token of each row, in place.

        Args:
            keys: [1, B, KV, head_size], HEIGHT_SHARDED, a core for each row.
            values: likewise.
            places: [B] of INT32 on the device.
        """
        update = ttnn.experimental.paged_update_cache
        update(self.tt_keys, keys, update_idxs_tensor=places)
        update(self.tt_values, values, update_idxs_tensor=places)

    def extend(self, keys: Any, values: Any) -> tuple[Any, Any]:
        """Put several tokens behind those of rows that all have as many.

        Returns:
            Keys and values of all tokens, [B, KV, T, head_size].
        """
        length = self.tokens.lengths[0]
        both = _joined(self.tt_keys, keys, length), _joined(self.tt_values, values, length)
        total = int(both[0].shape[2])
        more = max(self.capacity, self.tokens.capacity_for(total, self.capacity)) - total
        self.tt_keys, self.tt_values = (_padded(tensor, more) for tensor in both)
        return both

    @property
    def rows(self) -> int:
        """How many sequences it holds."""
        held = self.keys if self.tt_keys is None else self.tt_keys
        return 0 if held is None else int(held.shape[0])

    def _select(self, rows: Sequence[int]) -> None:
        """Keep these rows, in this order."""
        if list(rows) == list(range(self.rows)):
            return
        if self.tt_keys is not None:
            self.tt_keys, self.tt_values = _rows(self.tt_keys, rows), _rows(self.tt_values, rows)
        elif self.keys is not None:
            self.keys, self.values = self.keys[list(rows)], self.values[list(rows)]
        if self.first and self.tokens.seen:
            self.tokens.select(rows)

    # -- as transformers sees it ------------------------------------------------------------------

    def to_torch(self) -> None:
        """Bring the keys and values to torch, padding included, and free them on the device."""
        if self._on_torch:
            return
        self._on_torch = True
        if self.tt_keys is not None and self.tokens.seen:
            self.keys = self._downloaded(self.tt_keys)
            self.values = self._downloaded(self.tt_values)
            self.dtype, self.device = self._shown, self.keys.device
            self.is_initialized = True
        self.tt_keys = self.tt_values = None

    def _downloaded(self, tensor: Any) -> torch.Tensor:
        packed = self._activity.download(self._runtime, tensor).to(self._shown)
        columns = self.tokens.columns
        batch, heads, _, size = packed.shape
        spread = packed.new_zeros(batch, heads, self.tokens.seen, size)
        for row, length in enumerate(self.tokens.lengths):
            spread[row, :, columns[row]] = packed[row, :, :length]
        return spread

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> Any:
        """Take keys and values from torch code, on torch: see ``DynamicLayer.update``."""
        self.to_torch()
        return super().update(key_states, value_states, *args, **kwargs)

    def get_seq_length(self) -> int:
        """How many columns torch sees, padding included."""
        return int(super().get_seq_length()) if self._on_torch else self.tokens.seen

    def reset(self) -> None:
        """Forget all tokens."""
        self.tt_keys = self.tt_values = self.keys = self.values = None
        self.is_initialized = self._on_torch = False
        if self.first:
            self.tokens.clear()

    def crop(self, count: int) -> None:
        """Keep the first ``count`` columns, or drop the last ``-count``."""
        kept = count if count >= 0 else self.get_seq_length() + count
        if kept >= self.get_seq_length():
            return
        if self._on_torch:
            self.keys, self.values = self.keys[:, :, :kept], self.values[:, :, :kept]
        if self.first:
            self.tokens.crop(kept)

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """Take the rows of other beams."""
        self._select(beam_idx.tolist())

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat each row."""
        self._select([row for row in range(self.rows) for _ in range(repeats)])

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows."""
        self._select(torch.arange(self.rows)[indices].tolist())


def _padded(tensor: Any, more: int) -> Any:
    """With ``more`` empty places behind those it has."""
    return tensor if more <= 0 else ttnn.pad(tensor, [(0, 0), (0, 0), (0, more), (0, 0)], 0.0)


def _joined(past: Any, new: Any, length: int) -> Any:
    batch, heads, capacity, size = tuple(past.shape)
    if length != capacity:
        past = ttnn.slice(past, [0, 0, 0, 0], [batch, heads, length, size])
    return ttnn.concat([past, new], dim=2)


def _rows(tensor: Any, rows: Sequence[int]) -> Any:
    _, heads, capacity, size = tuple(tensor.shape)
    parts = {
        row: ttnn.slice(tensor, [row, 0, 0, 0], [row + 1, heads, capacity, size])
        for row in set(rows)
    }
    return ttnn.concat([parts[row] for row in rows], dim=0)
