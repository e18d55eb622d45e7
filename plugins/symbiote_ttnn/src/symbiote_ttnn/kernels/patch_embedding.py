"""Cutting images into patches: a convolution whose stride is its kernel, as one linear."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from symbiote_core import UnsupportedInputError
from symbiote_ttnn.kernels.base import TTNNKernel
from symbiote_ttnn.kernels.conversion import tile
from symbiote_ttnn.late import ttnn


def cut_patches(images: torch.Tensor, height: int, width: int, empty_rows: int = 0) -> torch.Tensor:
    """Rearrange images [B, C, H, W] into rows of patches [B, E + N, C * height * width].

    The rows are in reading order and hold a patch as a convolution's weight does. Pixels beyond
    the last whole patch are left out, as a convolution without padding does.

    Args:
        images: floating point, on the host.
        height: of a patch.
        width: of a patch.
        empty_rows: E, how many rows of zeros stand before those of the patches.

    Returns:
        Rows in bfloat16, rounded as by the upload.
    """
    batch, channels, full_height, full_width = images.shape
    down, across = full_height // height, full_width // width
    # Rounded first: half as much to rearrange.
    images = images[:, :, : down * height, : across * width].to(torch.bfloat16)
    cut = images.view(batch, channels, down, height, across, width)
    size = (batch, empty_rows + down * across, channels * height * width)
    rows = torch.empty(size, dtype=torch.bfloat16)
    rows[:, :empty_rows] = 0
    patches = rows[:, empty_rows:].view(batch, down, across, channels, height, width)
    patches.copy_(cut.permute(0, 2, 4, 1, 3, 5))
    return rows


def patch_convolution_problem(convolution: nn.Module) -> str | None:
    """Why a convolution is not the same as a linear over patches, or None if it is."""
    if not isinstance(convolution, nn.Conv2d):
        return f"the projection is {type(convolution).__name__}, not Conv2d"
    if tuple(convolution.kernel_size) != tuple(convolution.stride):
        return f"kernel {convolution.kernel_size} and stride {convolution.stride} differ"
    if convolution.padding not in (0, (0, 0), "valid"):
        return f"it pads by {convolution.padding}"
    if convolution.groups != 1 or tuple(convolution.dilation) != (1, 1):
        return f"it has groups={convolution.groups}, dilation={convolution.dilation}"
    return None


class TTNNPatchEmbedding(TTNNKernel):
    """A patch embedding with a ``projection`` convolution: [B, C, H, W] → [B, N, D].

    The patches are cut as part of the upload, so that one linear is left for the device.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Convolutions that cut the image into patches."""
        return patch_convolution_problem(getattr(torch_layer, "projection", torch_layer))

    def preprocess_weights_impl(self) -> None:
        """Convert the kernel [D, C, h, w] to a matrix [C * h * w, D]."""
        convolution: nn.Conv2d = self.torch_layer.projection
        self.tt_weight = self.weight_matrix(convolution.weight.flatten(1))
        bias = convolution.bias
        self.tt_bias = None if bias is None else tile(bias.reshape(1, -1))

    def launch_arguments(self) -> dict[str, Any]:
        """The output's dtype."""
        return super().launch_arguments() | {"dtype": self.activation_dtype}

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Cut the images into patches and upload these.

        Raises:
            UnsupportedInputError: for images of another number of channels; torch says so then.
        """
        convolution: nn.Conv2d = self.torch_layer.projection
        if tensor.ndim != 4 or tensor.shape[1] != convolution.in_channels:
            raise UnsupportedInputError(
                f"images must be [batch, {convolution.in_channels}, height, width], got "
                f"{list(tensor.shape)}"
            )
        height, width = convolution.kernel_size
        return self.upload(cut_patches(tensor, height, width))

    def forward(self, patches: Any) -> Any:
        """Project patches: [B, N, C * h * w] → [B, N, D]."""
        return ttnn.linear(patches, self.tt_weight, bias=self.tt_bias, **self.launch)
