"""Images to token embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from symbiote_core import UnsupportedInputError
from symbiote_ttnn import TTNNImageTokens, patch_convolution_problem


class TTNNOwlViTVisionEmbeddings(TTNNImageTokens):
    """``OwlViTVisionEmbeddings``: images [B, C, H, W] → tokens [B, 1 + N, D]."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Embeddings whose convolution cuts patches, with a class embedding."""
        for name in ("patch_embedding", "class_embedding", "position_embedding"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        return patch_convolution_problem(torch_layer.patch_embedding)

    @property
    def convolution(self) -> nn.Conv2d:
        """See `TTNNImageTokens.convolution`."""
        found: nn.Conv2d = self.torch_layer.patch_embedding
        return found

    def table(self, size: tuple[int, int] | None) -> torch.Tensor:
        """See `TTNNImageTokens.table`: [1 + N, D]."""
        layer = self.torch_layer
        positions = layer.position_embedding.weight
        if size is not None:
            shape_only = self.like_interpolated(size, layer.position_embedding.embedding_dim)
            positions = layer.interpolate_pos_encoding(shape_only, *size)[0]
        table: torch.Tensor = positions.detach().float().clone()
        if self.convolution.bias is not None:
            table[1:] += self.convolution.bias.float()
        table[0] += layer.class_embedding.float()
        return table

    def forward(self, pixel_values: Any, interpolate_pos_encoding: bool | None = False) -> Any:
        """Embed images.

        Args:
            pixel_values: [B, C, H, W] on the host.
            interpolate_pos_encoding: fit the position table to images of another size.

        Raises:
            UnsupportedInputError: for images that do not fit; torch says why then.
        """
        table = self._table_for(pixel_values, bool(interpolate_pos_encoding))
        return self.embedded(self.rows_of(pixel_values), table)

    def _table_for(self, images: torch.Tensor, interpolate: bool) -> Any:
        size = self.size_of(images)
        height, width = self.convolution.kernel_size
        fits = (size[0] // height) * (size[1] // width) == self.torch_layer.num_patches
        if fits and (size[0] == size[1] or not interpolate):
            return self.tt_table
        if not interpolate:
            raise UnsupportedInputError(f"images of {size[0]} x {size[1]} do not fit the model")
        return self.interpolated(size)
