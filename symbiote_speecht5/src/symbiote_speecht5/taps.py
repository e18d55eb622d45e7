"""Convolutions in one dimension as a gathering of rows and one matmul.

An output row of a convolution is a product of a matrix and the input rows under its kernel, side by
side. TTNN's embedding gathers these, whatever kernel, stride, dilation and padding are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import torch
from torch import nn

from symbiote_ttnn import ttnn

MAX_SHAPES = 4
"""Input shapes whose places are kept on the device; beyond it all but the latest are made anew."""


@attrs.frozen
class Taps:
    """Which rows of the input an output row is made of.

    Attributes:
        offsets: of the rows under the kernel, from ``stride`` times the number of the output row.
        stride: how many input rows it is from an output row to the next.
        extra: there are ``(T + extra) // stride + 1`` output rows of T input rows.
    """

    offsets: tuple[int, ...]
    stride: int
    extra: int

    @classmethod
    def of(cls, conv: nn.Conv1d) -> Taps:
        """Those of a convolution."""
        (kernel,), (stride,), (dilation,) = conv.kernel_size, conv.stride, conv.dilation
        padding = int(conv.padding[0])
        reach = dilation * (kernel - 1)
        offsets = tuple(tap * dilation - padding for tap in range(kernel))
        return cls(offsets, stride, 2 * padding - reach - 1)

    @classmethod
    def of_transposed(cls, conv: nn.ConvTranspose1d) -> Taps:
        """Those of a transposed convolution, which makes ``stride`` rows at once of each of them.

        Output row ``stride * t + phase`` gets input row i through tap
        ``phase + padding - stride * (i - t)`` of the kernel.
        """
        (kernel,), (stride,), padding = conv.kernel_size, conv.stride, int(conv.padding[0])
        low = math.ceil((padding - kernel + 1) / stride)
        high = (stride - 1 + padding) // stride
        more = math.ceil((kernel - stride - 2 * padding) / stride)
        return cls(tuple(range(low, high + 1)), 1, more - 1)

    def rows(self, length: int) -> int:
        """How many output rows ``length`` input rows make."""
        return (length + self.extra) // self.stride + 1

    def places(self, batch: int, length: int) -> torch.Tensor:
        """Where the rows stand among those of all sequences: [B * T', taps].

        What the convolution pads with stands behind all of them, at B * T.
        """
        start = torch.arange(self.rows(length)) * self.stride
        at = start.unsqueeze(1) + torch.tensor(self.offsets)
        outside = (at < 0) | (at >= length)
        sequences = torch.arange(batch).view(-1, 1, 1) * length
        return (at + sequences).masked_fill(outside, batch * length).flatten(0, 1)


Upload = Callable[..., Any]


class Gather:
    """Puts the input rows of each output row side by side, on the device.

    Args:
        taps: which rows.
        groups: how many parts a row has that meet matrices of their own.
    """

    def __init__(self, taps: Taps, groups: int = 1) -> None:
        self.taps = taps
        self.groups = groups
        self._places: dict[tuple[int, int], Any] = {}

    def clear(self) -> None:
        """Free the places; they are made again when they are needed."""
        self._places.clear()

    def __call__(self, x: Any, upload: Upload) -> Any:
        """Gather from [B, T, C].

        Returns:
            [B, T', taps * C], or [groups, B * T', taps * C / groups] for several groups.
        """
        batch, length, width = tuple(x.shape)
        taps, groups = self.taps, self.groups
        many, part = len(taps.offsets), width // groups
        rows = ttnn.reshape(ttnn.to_layout(x, ttnn.ROW_MAJOR_LAYOUT), (1, batch * length, width))
        rows = ttnn.pad(rows, [(0, 0), (0, 1), (0, 0)], 0.0)
        rows = ttnn.reshape(rows, ((batch * length + 1) * groups, part))
        at = self._on_device(batch, length, upload)
        found = ttnn.embedding(at, rows, layout=ttnn.ROW_MAJOR_LAYOUT)
        outer = (batch, taps.rows(length)) if groups == 1 else (groups, batch * taps.rows(length))
        return ttnn.to_layout(ttnn.reshape(found, (*outer, many * part)), ttnn.TILE_LAYOUT)

    def _on_device(self, batch: int, length: int, upload: Upload) -> Any:
        known = self._places.get((batch, length))
        if known is not None:
            return known
        if len(self._places) >= MAX_SHAPES:
            self._places.clear()
        at = self.taps.places(batch, length)
        if self.groups > 1:
            parts = torch.arange(self.groups).view(-1, 1, 1)
            at = (at * self.groups + parts).flatten(0, 1)
        made = upload(at, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
        self._places[batch, length] = made
        return made
