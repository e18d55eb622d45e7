"""Rotary position embedding: the cosines and sines of positions, on the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from symbiote_ttnn import ttnn

FIRST = 2048
"""How many positions are computed at the start, if the model has so many."""

CHANGING = frozenset({"dynamic", "longrope"})
"""Kinds of scaling whose angles depend on the longest position seen."""

Upload = Callable[..., Any]


class RotaryTable:
    """Cosines and sines of positions 0 … P - 1, as the model's own rotary module computes them.

    Whatever scaling the configuration asks for (linear, dynamic, llama3, yarn …) is the module's.
    They are kept twice: in rows to look up, and in tiles to cut from.

    Args:
        rotary: the torch module, called with a tensor (for its dtype) and positions [B, S].
        upload: brings a tensor to the device; takes ``layout``.
    """

    def __init__(self, rotary: Any, upload: Upload) -> None:
        self._rotary = rotary
        self._upload = upload
        self._size = 0
        self._rows: tuple[Any, Any] | None = None
        self._tiles: tuple[Any, Any] | None = None
        kind = getattr(rotary, "rope_type", "default")
        # transformers goes back to the first angles only for fewer positions than these.
        self._end = int(rotary.original_max_seq_len) - 1 if kind in CHANGING else None

    def covers(self, last: int) -> bool:
        """Whether the table can hold position ``last``; from some on, a scaling changes angles."""
        return self._end is None or last < self._end

    def angles(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of positions [B, S] on the host, each [B, S, head_size]."""
        cos, sin = self._rotary(torch.empty(0, dtype=torch.float32), position_ids=positions)
        return cos, sin

    def cut(self, first: int, last: int) -> tuple[Any, Any]:
        """Those of the positions from ``first`` on and before ``last``: [1, 1, S, head_size]."""
        self._reach(last)
        assert self._tiles is not None
        cos, sin = self._tiles
        size = int(cos.shape[-1])
        begins, ends = [0, 0, first, 0], [1, 1, last, size]
        return ttnn.slice(cos, begins, ends), ttnn.slice(sin, begins, ends)

    def look_up(self, positions: Any, last: int, layout: Any) -> tuple[Any, Any]:
        """Those of any positions.

        Args:
            positions: [B, S] of UINT32 on the device.
            last: the largest of them.
            layout: TTNN's layout of the result.

        Returns:
            Two tensors [B, S, head_size].
        """
        self._reach(last + 1)
        assert self._rows is not None
        cos, sin = self._rows
        return (
            ttnn.embedding(positions, cos, layout=layout),
            ttnn.embedding(positions, sin, layout=layout),
        )

    def _reach(self, count: int) -> None:
        if count <= self._size:
            return
        longest = int(self._rotary.config.max_position_embeddings)
        size = max(count, 2 * self._size, min(FIRST, longest))
        self._size = size if self._end is None else min(size, self._end)
        tables = self.angles(torch.arange(self._size).unsqueeze(0))
        self._rows = tuple(self._upload(table[0], layout=ttnn.ROW_MAJOR_LAYOUT) for table in tables)
        self._tiles = tuple(self._upload(table.unsqueeze(1)) for table in tables)


def half_turn(size: int) -> torch.Tensor:
    """The matrix M with ``x @ M == rotate_half(x)`` for heads of ``size``."""
    half = size // 2
    turn = torch.zeros(size, size)
    turn[torch.arange(half) + half, torch.arange(half)] = -1.0
    turn[torch.arange(half), torch.arange(half) + half] = 1.0
    return turn
