"""Images to token embeddings, with masked patches."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from symbiote_core import UnsupportedInputError
from symbiote_ttnn import TTNNImageTokens, patch_convolution_problem, tile, ttnn


class TTNNViTEmbeddings(TTNNImageTokens):
    """``ViTEmbeddings``: images [B, C, H, W] → tokens [B, 1 + N, D].

    With masked positions, the masked rows are empty too, and ``mask * (mask_token - bias)`` is
    added.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Embeddings whose convolution cuts patches, with a class token."""
        patches = getattr(torch_layer, "patch_embeddings", None)
        projection = getattr(patches, "projection", None)
        if projection is None or not hasattr(torch_layer, "cls_token"):
            return "it has no patch_embeddings.projection and cls_token"
        return patch_convolution_problem(projection)

    @property
    def convolution(self) -> nn.Conv2d:
        """See `TTNNImageTokens.convolution`."""
        found: nn.Conv2d = self.torch_layer.patch_embeddings.projection
        return found

    def preprocess_weights_impl(self) -> None:
        """Convert what all image tokens need, and what the mask adds."""
        super().preprocess_weights_impl()
        layer = self.torch_layer
        self.tt_mask_delta = None
        if layer.mask_token is not None:
            self.tt_mask_delta = tile(layer.mask_token - self._bias())

    def _bias(self) -> torch.Tensor:
        convolution = self.convolution
        if convolution.bias is None:
            return convolution.weight.new_zeros(convolution.out_channels)
        return convolution.bias

    def table(self, size: tuple[int, int] | None) -> torch.Tensor:
        """See `TTNNImageTokens.table`: [1, 1 + N, D]."""
        layer = self.torch_layer
        positions = layer.position_embeddings
        if size is not None:
            shape_only = self.like_interpolated(size, layer.cls_token.shape[-1])
            positions = layer.interpolate_pos_encoding(shape_only, *size)
        table: torch.Tensor = positions.detach().float() + self._bias().float()
        table[:, :1] = positions[:, :1].float() + layer.cls_token.float()
        return table

    def forward(
        self,
        pixel_values: Any,
        bool_masked_pos: torch.Tensor | None = None,
        interpolate_pos_encoding: bool | None = False,
    ) -> Any:
        """Embed images.

        Args:
            pixel_values: [B, C, H, W] on the host.
            bool_masked_pos: [B, N] of booleans on the host: patches to replace by the mask token.
            interpolate_pos_encoding: fit the position table to images of another size.

        Raises:
            UnsupportedInputError: for images that do not fit; torch says why then.
        """
        table = self._table_for(pixel_values, bool(interpolate_pos_encoding))
        rows = self.rows_of(pixel_values)
        if bool_masked_pos is None:
            return self.embedded(rows, table)
        if self.tt_mask_delta is None:
            raise UnsupportedInputError("the model has no mask token")
        rows[:, 1:].masked_fill_(bool_masked_pos.bool().unsqueeze(-1), 0)
        mask = nn.functional.pad(bool_masked_pos.to(rows.dtype), (1, 0)).unsqueeze(-1)
        delta = ttnn.multiply(self.upload(mask), self.tt_mask_delta)
        return ttnn.add(self.embedded(rows, table), delta)

    def _table_for(self, images: torch.Tensor, interpolate: bool) -> Any:
        size = self.size_of(images)
        if size == tuple(self.torch_layer.patch_embeddings.image_size):
            return self.tt_table
        if not interpolate:
            raise UnsupportedInputError(f"images of {size[0]} x {size[1]} do not fit the model")
        return self.interpolated(size)
