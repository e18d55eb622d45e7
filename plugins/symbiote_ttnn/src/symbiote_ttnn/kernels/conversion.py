"""From torch weights to host TTNN tensors."""

from __future__ import annotations

import threading
from typing import Any

import torch

from symbiote_ttnn.late import ttnn

MOST_KEPT = 128 << 20
"""Bytes of memory that are kept between conversions; a larger matrix gets memory of its own."""

ROWS_AT_ONCE = 128
"""Rows of a weight that are transposed at once, where it lies beside others."""


class _Scratch(threading.local):
    """Memory that conversions use one after the other.

    Half of what it costs to transpose a matrix into new memory is to get its pages.
    """

    kept = torch.empty(0, dtype=torch.uint8)

    def matrix(self, rows: int, columns: int, dtype: torch.dtype) -> torch.Tensor:
        """Memory for a matrix; what was in the one before is lost."""
        size = rows * columns * dtype.itemsize
        if size > MOST_KEPT:
            return torch.empty(rows, columns, dtype=dtype)
        if size > self.kept.numel():
            self.kept = torch.empty(size, dtype=torch.uint8)
        return self.kept[:size].view(dtype).view(rows, columns)


_scratch = _Scratch()


def tile(tensor: torch.Tensor, dtype: Any = None) -> Any:
    """A torch tensor as a host TTNN tensor in TILE layout.

    Args:
        tensor: any shape.
        dtype: TTNN's dtype; bfloat16 by default.
    """
    chosen = ttnn.bfloat16 if dtype is None else dtype
    tensor = tensor.detach()
    if chosen == ttnn.bfloat16:
        tensor = rounded(tensor)
    return ttnn.from_torch(tensor.contiguous(), dtype=chosen, layout=ttnn.TILE_LAYOUT)


def tile_transposed(*weights: torch.Tensor, dtype: Any = None) -> Any:
    """Weights of linear layers, side by side, as the one matrix that TTNN multiplies with.

    Args:
        *weights: [N, K] each, of one torch dtype; N may differ.
        dtype: TTNN's dtype; bfloat16 by default.

    Returns:
        [K, sum of N] on the host, in TILE layout.
    """
    chosen = ttnn.bfloat16 if dtype is None else dtype
    matrices = [weight.detach() for weight in weights]
    if chosen == ttnn.bfloat16:
        matrices = [rounded(matrix) for matrix in matrices]
    widths = [matrix.shape[0] for matrix in matrices]
    across = _scratch.matrix(matrices[0].shape[1], sum(widths), matrices[0].dtype)
    for part, matrix in zip(torch.split(across, widths, dim=1), matrices, strict=True):
        _transpose(matrix, part)
    return ttnn.from_torch(across, dtype=chosen, layout=ttnn.TILE_LAYOUT)


def _transpose(matrix: torch.Tensor, into: torch.Tensor) -> None:
    """Copy [N, K] to [K, N]; to a part of wider rows piece by piece.

    As a whole that is up to five times as slow: torch has a way of its own only for contiguous
    targets.
    """
    rows = matrix.shape[0] if into.is_contiguous() else ROWS_AT_ONCE
    pieces, places = torch.split(matrix, rows), torch.split(into, rows, dim=1)
    for piece, place in zip(pieces, places, strict=True):
        place.copy_(piece.t())


def rounded(tensor: torch.Tensor) -> torch.Tensor:
    """In bfloat16: torch rounds to the same values several times as fast as TTNN does."""
    return tensor.to(torch.bfloat16)
