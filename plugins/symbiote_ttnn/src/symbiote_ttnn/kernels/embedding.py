"""Token embedding."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import UnsupportedInputError
from symbiote_ttnn.kernels.base import TTNNKernel
from symbiote_ttnn.kernels.conversion import rounded
from symbiote_ttnn.late import ttnn


class TTNNEmbedding(TTNNKernel):
    """`nn.Embedding`: ids [...] → [..., D], in bfloat16.

    TTNN's embedding takes ids of two dimensions (it drops the middle ones of more), so ids of
    other ranks are reshaped on the way up and the result on the device.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Embeddings that do not rescale their table."""
        if torch_layer.max_norm is not None:
            return "max_norm rescales the table in the forward, which TTNN's embedding does not"
        return None

    def preprocess_weights_impl(self) -> None:
        """Convert the table [V, D]; TTNN wants it in bfloat16 and ROW_MAJOR layout."""
        self.tt_weight = ttnn.from_torch(
            rounded(self.torch_layer.weight.detach()).contiguous(),
            dtype=ttnn.bfloat16,
            layout=ttnn.ROW_MAJOR_LAYOUT,
        )

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Upload ids as UINT32; ids outside of the table, which TTNN would read past, are refused.

        Raises:
            UnsupportedInputError: for an id outside of the table; torch then raises its IndexError.
        """
        rows = self.torch_layer.num_embeddings
        low, high = map(int, tensor.aminmax())
        if low < 0 or high >= rows:
            raise UnsupportedInputError(
                f"ids from {low} to {high} do not fit a table of {rows} rows"
            )
        flat = tensor.reshape(1, -1) if tensor.ndim != 2 else tensor
        uploaded = self.upload(flat, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
        return uploaded if tensor.ndim == 2 else (uploaded, tuple(tensor.shape))

    def forward(self, ids: Any) -> Any:
        """Look ids up: [B, S] → [B, S, D], and likewise for other ranks."""
        shape = None
        if isinstance(ids, tuple):
            ids, shape = ids
        rows = ttnn.embedding(ids, self.tt_weight, layout=ttnn.TILE_LAYOUT)
        if shape is None:
            return rows
        return ttnn.reshape(rows, (*shape, self.torch_layer.embedding_dim))
