"""Images to token embeddings: one matmul and one addition on the device."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from symbiote_core import UnsupportedInputError
from symbiote_ttnn import (
    TTNNKernel,
    cut_patches,
    patch_convolution_problem,
    tile,
    tile_transposed,
    ttnn,
)

MAX_SIZES = 8
"""Interpolated position tables kept on the device; beyond it all but the latest are made anew."""


class TTNNViTEmbeddings(TTNNKernel):
    """``ViTEmbeddings``: images [B, C, H, W] → tokens [B, 1 + N, D].

    The patches are cut on the host, as part of the upload, behind one empty row for the class
    token. The matmul then gives an empty row for it, and one table is added to all rows: class
    token, convolution bias and position embeddings in one.

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
        """The torch convolution that cuts and projects patches."""
        found: nn.Conv2d = self.torch_layer.patch_embeddings.projection
        return found

    def preprocess_weights_impl(self) -> None:
        """Convert the projection to a matrix and fold everything that is added into one table."""
        layer, convolution = self.torch_layer, self.convolution
        self.tt_weight = tile_transposed(convolution.weight.flatten(1), dtype=self.weight_dtype)
        self.tt_table = tile(self._table(layer.position_embeddings))
        self.tt_mask_delta = None
        if layer.mask_token is not None:
            self.tt_mask_delta = tile(layer.mask_token - self._bias())
        self.tt_sizes: dict[tuple[int, int], Any] = {}

    def move_weights_to_host_impl(self) -> None:
        """Bring the weights back; interpolated tables are made again when they are needed."""
        super().move_weights_to_host_impl()
        self.tt_sizes.clear()

    def deallocate_weights_impl(self) -> None:
        """Free the device memory of the weights and of the interpolated tables."""
        super().deallocate_weights_impl()
        self.tt_sizes.clear()

    def _bias(self) -> torch.Tensor:
        convolution = self.convolution
        if convolution.bias is None:
            return convolution.weight.new_zeros(convolution.out_channels)
        return convolution.bias

    def _table(self, positions: torch.Tensor) -> torch.Tensor:
        """What is added to the projected rows, [1, 1 + N, D]."""
        table = positions.detach().float() + self._bias().float()
        table[:, :1] = positions[:, :1].float() + self.torch_layer.cls_token.float()
        return table

    def launch_arguments(self) -> dict[str, Any]:
        """The output's dtype."""
        return super().launch_arguments() | {"dtype": self.activation_dtype}

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave images and masks on the host: ``forward`` uploads them as rows."""
        return tensor

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
        height, width = self.convolution.kernel_size
        rows = cut_patches(pixel_values, height, width, empty_rows=1)
        if bool_masked_pos is not None:
            if self.tt_mask_delta is None:
                raise UnsupportedInputError("the model has no mask token")
            rows[:, 1:].masked_fill_(bool_masked_pos.bool().unsqueeze(-1), 0)
        tokens = ttnn.linear(self.upload(rows), self.tt_weight, **self.launch)
        tokens = ttnn.add(tokens, table)
        if bool_masked_pos is None:
            return tokens
        mask = nn.functional.pad(bool_masked_pos.to(rows.dtype), (1, 0)).unsqueeze(-1)
        return ttnn.add(tokens, ttnn.multiply(self.upload(mask), self.tt_mask_delta))

    def _table_for(self, images: torch.Tensor, interpolate: bool) -> Any:
        layer = self.torch_layer
        if images.ndim != 4 or images.shape[1] != self.convolution.in_channels:
            raise UnsupportedInputError(
                f"images must be [batch, {self.convolution.in_channels}, height, width], got "
                f"{list(images.shape)}"
            )
        size = (images.shape[2], images.shape[3])
        if size == tuple(layer.patch_embeddings.image_size):
            return self.tt_table
        if not interpolate:
            raise UnsupportedInputError(f"images of {size[0]} x {size[1]} do not fit the model")
        if size not in self.tt_sizes:
            height, width = self.convolution.kernel_size
            count = (size[0] // height) * (size[1] // width)
            shape_only = torch.empty(1, 1 + count, layer.cls_token.shape[-1], device="meta")
            positions = layer.interpolate_pos_encoding(shape_only, *size)
            if len(self.tt_sizes) >= MAX_SIZES:
                self.tt_sizes.clear()
            table = tile(self._table(positions))
            self.tt_sizes[size] = ttnn.to_device(table, self.device)
        return self.tt_sizes[size]
