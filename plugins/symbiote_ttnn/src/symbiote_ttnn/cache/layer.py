"""A layer of a Hugging Face cache whose keys and values are on the device."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

from symbiote_core import Runtime
from symbiote_core.fallback import Activity
from symbiote_ttnn.late import ttnn


class DeviceLayer(DynamicLayer):  # type: ignore[misc]
    """A layer of a Hugging Face ``Cache`` whose keys and values are TTNN tensors.

    Torch code that looks at its ``keys`` or updates it, such as a layer that fell back, brings it
    to torch for good: it is a ``DynamicLayer`` from then on.

    Args:
        dtype: what torch is shown.
        runtime: where it lives.
        activity: counts its transfers.

    Attributes:
        tt_keys, tt_values: [B, heads, places, head_size] on the device; None before the first
            tokens and on torch.
    """

    def __init__(self, dtype: torch.dtype, runtime: Runtime, activity: Activity) -> None:
        self.tt_keys: Any = None
        self.tt_values: Any = None
        self._shown = dtype
        self._runtime = runtime
        self._activity = activity
        self._on_torch = False
        super().__init__()

    @property
    def on_device(self) -> bool:
        """Whether the device holds it; an empty one can be filled there."""
        return not self._on_torch

    @property
    def rows(self) -> int:
        """How many sequences it holds."""
        held = self._keys if self.tt_keys is None else self.tt_keys
        return 0 if held is None else int(held.shape[0])

    @abstractmethod
    def _columns(self) -> int:
        """How many tokens torch sees while the device holds it."""

    @abstractmethod
    def _as_torch_has_them(self, host: torch.Tensor) -> torch.Tensor:
        """Downloaded keys or values [B, heads, places, head_size] of the tokens that torch sees."""

    def _keep_rows(self, rows: Sequence[int]) -> None:
        """Called when the rows have changed, on the device or on torch."""

    # -- as transformers sees it ------------------------------------------------------------------

    @property
    def keys(self) -> Any:
        """The keys on torch, [B, heads, T, head_size]; brings the layer there."""
        if self.tt_keys is not None:
            self.to_torch()
        return self._keys

    @keys.setter
    def keys(self, value: Any) -> None:
        self._keys = value

    @property
    def values(self) -> Any:
        """The values on torch, [B, heads, T, head_size]; brings the layer there."""
        if self.tt_values is not None:
            self.to_torch()
        return self._values

    @values.setter
    def values(self, value: Any) -> None:
        self._values = value

    def to_torch(self) -> None:
        """Bring the keys and values to torch, and free them on the device."""
        if self._on_torch:
            return
        self._on_torch = True
        if self.tt_keys is not None and self._columns():
            self._keys, self._values = (
                self._as_torch_has_them(
                    self._activity.download(self._runtime, held).to(self._shown)
                )
                for held in (self.tt_keys, self.tt_values)
            )
            self.dtype, self.device = self._shown, self._keys.device
            self.is_initialized = True
        self.tt_keys = self.tt_values = None

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> Any:
        """Take keys and values from torch code, on torch: see ``DynamicLayer.update``."""
        self.to_torch()
        return super().update(key_states, value_states, *args, **kwargs)

    def get_seq_length(self) -> int:
        """How many tokens torch sees."""
        return int(super().get_seq_length()) if self._on_torch else self._columns()

    def reset(self) -> None:
        """Forget all tokens."""
        self.tt_keys = self.tt_values = self._keys = self._values = None
        self.is_initialized = self._on_torch = False

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """Take the rows of other beams."""
        self._select(beam_idx.tolist())

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat each row."""
        self._select([row for row in range(self.rows) for _ in range(repeats)])

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows."""
        self._select(torch.arange(self.rows)[indices].tolist())

    def _select(self, rows: Sequence[int]) -> None:
        if list(rows) == list(range(self.rows)):
            return
        if self.tt_keys is not None:
            self.tt_keys, self.tt_values = _taken(self.tt_keys, rows), _taken(self.tt_values, rows)
        elif self._keys is not None:
            self._keys, self._values = self._keys[list(rows)], self._values[list(rows)]
        else:
            return
        self._keep_rows(rows)


def _taken(tensor: Any, rows: Sequence[int]) -> Any:
    """These rows of [B, heads, places, head_size], in this order; one may be taken twice."""
    _, heads, places, size = tuple(tensor.shape)
    parts = {
        row: ttnn.slice(tensor, [row, 0, 0, 0], [row + 1, heads, places, size]) for row in set(rows)
    }
    return ttnn.concat([parts[row] for row in rows], dim=0)
