"""From torch weights to host TTNN tensors."""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch.utils.dlpack import from_dlpack

from symbiote_ttnn.late import ttnn

MOST_KEPT = 128 << 20
"""Bytes of memory that are kept between conversions; a larger matrix gets memory of its own."""

ROWS_AT_ONCE = 128
"""Rows of a weight that are transposed at once, where it is part of a larger matrix."""

PIECE = 16 << 20
"""Bytes of a piece, where a matrix of more than `MOST_KEPT` is converted piece by piece."""

TILE_HEIGHT = 32


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


def tile_transposed(*weights: torch.Tensor, dtype: Any = None, device: Any = None) -> Any:
    """Weights of linear layers, side by side, as the one matrix that TTNN multiplies with.

    Args:
        *weights: [N, K] each, of one torch dtype; N may differ.
        dtype: TTNN's dtype; bfloat16 by default.
        device: where the matrix will go. One of more than 128 MiB is then converted piece by
            piece if TTNN can, in 2 GiB less of memory for a gibibyte of float32.

    Returns:
        [K, sum of N] on the host, in TILE layout.
    """
    chosen = ttnn.bfloat16 if dtype is None else dtype
    matrices = [weight.detach() for weight in weights]
    kind = torch.bfloat16 if chosen == ttnn.bfloat16 else matrices[0].dtype
    height, width = matrices[0].shape[1], sum(matrix.shape[0] for matrix in matrices)
    if height * width * kind.itemsize <= MOST_KEPT or not _shows_bytes(device):
        return _packed(matrices, kind, chosen)
    whole = ttnn.allocate_tensor_on_host(
        ttnn.Shape([height, width]), chosen, ttnn.TILE_LAYOUT, device
    )
    room, filled = _bytes(whole), 0
    at_once = max(PIECE // (TILE_HEIGHT * width * kind.itemsize), 1) * TILE_HEIGHT
    for first in range(0, height, at_once):
        piece = _packed([m[:, first : first + at_once] for m in matrices], kind, chosen)
        found = _bytes(piece)
        room[filled : filled + found.numel()] = found
        filled += found.numel()
    return whole


def _packed(matrices: list[torch.Tensor], kind: torch.dtype, dtype: Any) -> Any:
    """Matrices [N, K] side by side and transposed, rounded to ``kind``, packed to ``dtype``."""
    widths = [matrix.shape[0] for matrix in matrices]
    across = _scratch.matrix(matrices[0].shape[1], sum(widths), kind)
    for part, matrix in zip(torch.split(across, widths, dim=1), matrices, strict=True):
        _transpose(matrix, part)
    return ttnn.from_torch(across, dtype=dtype, layout=ttnn.TILE_LAYOUT)


def _transpose(matrix: torch.Tensor, into: torch.Tensor) -> None:
    """Copy [N, K] to [K, N]; from and to parts of larger matrices piece by piece.

    As a whole that is up to five times as slow: torch has a way of its own only for contiguous
    matrices.
    """
    whole = matrix.is_contiguous() and into.is_contiguous()
    rows = matrix.shape[0] if whole else ROWS_AT_ONCE
    pieces, places = torch.split(matrix, rows), torch.split(into, rows, dim=1)
    for piece, place in zip(pieces, places, strict=True):
        place.copy_(piece.to(into.dtype).t())


def _shows_bytes(device: Any) -> bool:
    """Whether host tensors for this device can be written to: those of TTNN for one chip."""
    writable = device is not None and hasattr(ttnn, "allocate_tensor_on_host")
    return writable and device.get_num_devices() == 1


def _bytes(tensor: Any) -> torch.Tensor:
    """The memory of a host TTNN tensor: in TILE layout, one row of tiles after the other."""
    shard = tensor.host_buffer().get_shard(ttnn.MeshCoordinate(0, 0))
    return from_dlpack(shard)


def rounded(tensor: torch.Tensor) -> torch.Tensor:
    """In bfloat16: torch rounds to the same values several times as fast as TTNN does."""
    return tensor.to(torch.bfloat16)
