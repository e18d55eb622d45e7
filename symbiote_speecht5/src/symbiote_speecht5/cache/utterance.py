"""What the layers of a cross-attention cache know in common of the encoder's states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from symbiote_ttnn import ttnn
from symbiote_ttnn.cache import TILE_HEIGHT


class Utterance:
    """Which of the encoder's states are real, and where they stand on the device.

    A row's real states stand first, so that a decoding step needs no mask but their number. They
    carry their positions in them: their order does not matter to the attention.

    Attributes:
        columns: booleans [B, T], which states torch attends to.
        places: how many states of a row the device has, T or more.
    """

    def __init__(self, columns: torch.Tensor) -> None:
        self.columns = columns
        self._last: Any = None

    @property
    def places(self) -> int:
        """T, in whole tiles, over which TTNN decodes."""
        return -(-self.columns.shape[1] // TILE_HEIGHT) * TILE_HEIGHT

    @property
    def order(self) -> torch.Tensor | None:
        """[B, T], the real columns of each row first; None if they stand first already."""
        if bool((self.columns[:, 1:] <= self.columns[:, :-1]).all()):
            return None
        return torch.argsort(self.columns.int(), dim=1, descending=True, stable=True)

    def covers(self, columns: torch.Tensor) -> bool:
        """Whether it is for states of which these are real."""
        return self.columns.shape == columns.shape and bool((self.columns == columns).all())

    def seen(self) -> torch.Tensor:
        """Booleans [B, places], which of the states on the device are real."""
        counts = self.columns.sum(1, keepdim=True)
        return torch.arange(self.places) < counts

    def last(self, upload: Callable[..., Any]) -> Any:
        """The place of each row's last real state, [B] of INT32 on the device; uploaded once."""
        if self._last is None:
            places = (self.columns.sum(1) - 1).to(torch.int32)
            self._last = upload(places, ttnn.int32, ttnn.ROW_MAJOR_LAYOUT)
        return self._last

    def arranged(self, states: Any, upload: Callable[..., Any]) -> Any:
        """The encoder's states [B, T, D] as the layers project them, [B, places, D]."""
        batch, length, width = tuple(states.shape)
        order = self.order
        if order is not None:
            rows = ttnn.reshape(states, (batch * length, width))
            rows = ttnn.to_layout(rows, ttnn.ROW_MAJOR_LAYOUT)
            at = order + torch.arange(batch).unsqueeze(1) * length
            at = upload(at, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
            states = ttnn.embedding(at, rows, layout=ttnn.TILE_LAYOUT)
        if self.places == length:
            return states
        return ttnn.pad(states, [(0, 0), (0, self.places - length), (0, 0)], 0.0)

    def back(self, host: torch.Tensor) -> torch.Tensor:
        """Keys or values [B, H, places, head_size] as torch has them, [B, H, T, head_size]."""
        host = host[:, :, : self.columns.shape[1]]
        order = self.order
        if order is None:
            return host
        at = order.argsort(1)[:, None, :, None].expand_as(host)
        return host.gather(2, at)

    def select(self, rows: Sequence[int]) -> None:
        """Keep these rows, in this order; a row may be kept several times."""
        self.columns = self.columns[list(rows)]
        self._last = None
