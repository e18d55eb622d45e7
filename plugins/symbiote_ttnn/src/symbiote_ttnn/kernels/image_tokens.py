"""Images to the tokens of a Vision Transformer: one matmul and one addition on the device."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from symbiote_core import UnsupportedInputError
from symbiote_ttnn.kernels.base import TTNNKernel, add_in_place
from symbiote_ttnn.kernels.conversion import tile
from symbiote_ttnn.kernels.patch_embedding import cut_patches
from symbiote_ttnn.late import ttnn

MAX_SIZES = 8
"""Interpolated position tables kept on the device; beyond it all but the latest are made anew."""


class TTNNImageTokens(TTNNKernel):
    """Embeddings of patches behind a class token: images [B, C, H, W] → tokens [B, 1 + N, D].

    The patches are cut on the host, as part of the upload, behind one empty row for the class
    token. The matmul then gives an empty row for it, and one table is added to all rows: class
    token, convolution bias and position embeddings in one.

    Subclasses say where their torch module keeps the convolution, what is added, and which images
    fit.
    """

    @property
    def convolution(self) -> nn.Conv2d:
        """The torch convolution that cuts and projects patches."""
        raise NotImplementedError(f"{type(self).__name__} does not say where it is (convolution).")

    def table(self, size: tuple[int, int] | None) -> torch.Tensor:
        """What is added to the projected rows, [1 + N, D] or [1, 1 + N, D], in float32.

        Args:
            size: height and width of images that positions are interpolated for; None for images of
                the model's own size.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what is added (table).")

    def preprocess_weights_impl(self) -> None:
        """Convert the projection to a matrix and fold everything that is added into one table."""
        weight = self.convolution.weight.flatten(1)
        self.tt_weight = self.weight_matrix(weight)
        self.tt_table = tile(self.table(None))
        self.tt_sizes: dict[tuple[int, int], Any] = {}

    def move_weights_to_host_impl(self) -> None:
        """Bring the weights back; interpolated tables are made again when they are needed."""
        super().move_weights_to_host_impl()
        self.tt_sizes.clear()

    def deallocate_weights_impl(self) -> None:
        """Free the device memory of the weights and of the interpolated tables."""
        super().deallocate_weights_impl()
        self.tt_sizes.clear()

    def launch_arguments(self) -> dict[str, Any]:
        """The output's dtype."""
        return super().launch_arguments() | {"dtype": self.activation_dtype}

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave images and masks on the host: ``forward`` uploads them as rows."""
        return tensor

    def rows_of(self, images: torch.Tensor) -> torch.Tensor:
        """The patches of images, [B, 1 + N, C * h * w] in bfloat16, the first row empty."""
        height, width = self.convolution.kernel_size
        return cut_patches(images, height, width, empty_rows=1)

    def embedded(self, rows: torch.Tensor, table: Any) -> Any:
        """Upload rows, project them and add a table: [B, 1 + N, D]."""
        tokens = ttnn.linear(self.upload(rows), self.tt_weight, **self.launch)
        return add_in_place(tokens, table)

    def size_of(self, images: torch.Tensor) -> tuple[int, int]:
        """Height and width of images.

        Raises:
            UnsupportedInputError: for another rank or number of channels; torch says so then.
        """
        if images.ndim != 4 or images.shape[1] != self.convolution.in_channels:
            raise UnsupportedInputError(
                f"images must be [batch, {self.convolution.in_channels}, height, width], got "
                f"{list(images.shape)}"
            )
        return images.shape[2], images.shape[3]

    def interpolated(self, size: tuple[int, int]) -> Any:
        """The table for images of a size, on the device; made at the first call."""
        if size not in self.tt_sizes:
            table = tile(self.table(size))
            if len(self.tt_sizes) >= MAX_SIZES:
                self.tt_sizes.clear()
            self.tt_sizes[size] = ttnn.to_device(table, self.device)
        return self.tt_sizes[size]

    def like_interpolated(self, size: tuple[int, int], width: int) -> torch.Tensor:
        """A tensor without values of the shape of an image's tokens, [1, 1 + N, width].

        transformers' own interpolation of positions looks at the shape of the tokens alone.
        """
        height, across = self.convolution.kernel_size
        count = (size[0] // height) * (size[1] // across)
        return torch.empty(1, 1 + count, width, device="meta")
