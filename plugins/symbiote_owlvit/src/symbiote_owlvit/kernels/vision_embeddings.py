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


class TTNNOwlViTVisionEmbeddings(TTNNKernel):
    """``OwlViTVisionEmbeddings``: images [B, C, H, W] → tokens [B, 1 + N, D].

    The patches are cut on the host, as part of the upload, behind one empty row for the class
    token. The matmul then gives an empty row for it, and one table is added to all rows: class
    token, convolution bias and position embeddings in one.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Embeddings whose convolution cuts patches, with a class embedding."""
        for name in ("patch_embedding", "class_embedding", "position_embedding"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        return patch_convolution_problem(torch_layer.patch_embedding)

    @property
    def convolution(self) -> nn.Conv2d:
        """The torch convolution that cuts and projects patches."""
        found: nn.Conv2d = self.torch_layer.patch_embedding
        return found

    def preprocess_weights_impl(self) -> None:
        """Convert the projection to a matrix and fold everything that is added into one table."""
        weight = self.convolution.weight
        self.tt_weight = tile_transposed(weight.flatten(1), dtype=self.weight_dtype)
        self.tt_table = tile(self._table(self.torch_layer.position_embedding.weight))
        self.tt_sizes: dict[tuple[int, int], Any] = {}

    def move_weights_to_host_impl(self) -> None:
        """Bring the weights back; interpolated tables are made again when they are needed."""
        super().move_weights_to_host_impl()
        self.tt_sizes.clear()

    def deallocate_weights_impl(self) -> None:
        """Free the device memory of the weights and of the interpolated tables."""
        super().deallocate_weights_impl()
        self.tt_sizes.clear()

    def _table(self, positions: torch.Tensor) -> torch.Tensor:
        """What is added to the projected rows, [1 + N, D]."""
        table = positions.detach().float().clone()
        if self.convolution.bias is not None:
            table[1:] += self.convolution.bias.float()
        table[0] += self.torch_layer.class_embedding.float()
        return table

    def launch_arguments(self) -> dict[str, Any]:
        """The output's dtype."""
        return super().launch_arguments() | {"dtype": self.activation_dtype}

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave images on the host: ``forward`` uploads them as rows."""
        return tensor

    def forward(self, pixel_values: Any, interpolate_pos_encoding: bool | None = False) -> Any:
        """Embed images.

        Args:
            pixel_values: [B, C, H, W] on the host.
            interpolate_pos_encoding: fit the position table to images of another size.

        Raises:
            UnsupportedInputError: for images that do not fit; torch says why then.
        """
        table = self._table_for(pixel_values, bool(interpolate_pos_encoding))
        height, width = self.convolution.kernel_size
        rows = cut_patches(pixel_values, height, width, empty_rows=1)
        tokens = ttnn.linear(self.upload(rows), self.tt_weight, **self.launch)
        return ttnn.add(tokens, table)

    def _table_for(self, images: torch.Tensor, interpolate: bool) -> Any:
        layer = self.torch_layer
        if images.ndim != 4 or images.shape[1] != self.convolution.in_channels:
            raise UnsupportedInputError(
                f"images must be [batch, {self.convolution.in_channels}, height, width], got "
                f"{list(images.shape)}"
            )
        size = (images.shape[2], images.shape[3])
        across, down = self.convolution.kernel_size
        count = (size[0] // across) * (size[1] // down)
        fits = count == layer.num_patches
        if fits and (size[0] == size[1] or not interpolate):
            return self.tt_table
        if not interpolate:
            raise UnsupportedInputError(f"images of {size[0]} x {size[1]} do not fit the model")
        if size not in self.tt_sizes:
            width = layer.position_embedding.embedding_dim
            shape_only = torch.empty(1, 1 + count, width, device="meta")
            positions = layer.interpolate_pos_encoding(shape_only, *size)
            if len(self.tt_sizes) >= MAX_SIZES:
                self.tt_sizes.clear()
            self.tt_sizes[size] = ttnn.to_device(tile(self._table(positions[0])), self.device)
        return self.tt_sizes[size]
