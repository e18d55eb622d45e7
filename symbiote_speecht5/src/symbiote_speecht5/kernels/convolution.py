"""Convolutions in one dimension on rows [B, T, C], and as torch has them, on [B, C, T]."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import nn

from symbiote_speecht5.taps import Gather, Taps
from symbiote_ttnn import TTNNKernel, tile, ttnn


def convolution_problem(conv: Any) -> str | None:
    """Why a convolution is not one matmul over gathered rows, or None if it is."""
    if not isinstance(conv, (nn.Conv1d, nn.ConvTranspose1d)):
        return f"it is a {type(conv).__name__}, not a convolution in one dimension"
    if conv.groups != 1:
        return f"it has {conv.groups} groups"
    if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return f"it pads with {conv.padding_mode!r}, {conv.padding!r}"
    if conv.in_channels == 1:
        return "its rows of a single channel are too narrow for TTNN to gather"
    transposed = isinstance(conv, nn.ConvTranspose1d)
    if transposed and (conv.dilation != (1,) or conv.output_padding != (0,)):
        return f"it has dilation={conv.dilation}, output_padding={conv.output_padding}"
    return None


@attrs.frozen(eq=False)
class Rows:
    """An input that is on the device as rows, [B, T, C]."""

    tensor: Any


class TTNNRowConvolution(TTNNKernel):
    """A convolution on rows, [B, T, C] → [B, T', N], with what can be folded into its matrix.

    A batch norm behind it is folded into matrix and bias, an activation into the program.
    """

    @classmethod
    def of(
        cls,
        conv: Any,
        activation: str | None = None,
        norm: nn.BatchNorm1d | None = None,
        gather: Gather | None = None,
    ) -> TTNNRowConvolution:
        """Build it for a convolution.

        Args:
            conv: an `nn.Conv1d`.
            activation: TTNN's name of one behind it, or None.
            norm: a batch norm between the two, or None.
            gather: that of another convolution with the same taps, to share it.
        """
        module = cls()
        module._fallback_torch_layer = conv
        module.activation, module.norm = activation, norm
        module.gather = Gather(cls.taps_of(conv)) if gather is None else gather
        return module

    @classmethod
    def taps_of(cls, conv: Any) -> Taps:
        """Which rows an output row is made of."""
        return Taps.of(conv)

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep the norm, which is a torch module, out of the registries of the convolution's."""
        if name == "norm":
            vars(self)[name] = value
            return
        super().__setattr__(name, value)

    def matrix(self) -> torch.Tensor:
        """The kernel [N, C, taps] as a matrix [taps * C, N]."""
        weight: torch.Tensor = self.torch_layer.weight.detach()
        return weight.permute(2, 1, 0).flatten(0, 1)

    def preprocess_weights_impl(self) -> None:
        """Convert kernel and bias, and fold the norm into them."""
        conv, norm = self.torch_layer, self.norm
        matrix = self.matrix()
        bias = matrix.new_zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
        if norm is not None:
            scale = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
            matrix = matrix * scale
            bias = (bias - norm.running_mean) * scale + norm.bias.detach()
        self.tt_weight = tile(matrix, self.weight_dtype)
        self.tt_bias = tile(bias.repeat(matrix.shape[1] // len(bias)).reshape(1, -1))

    def move_weights_to_host_impl(self) -> None:
        """Bring the weights back; the gather's places are made again when they are needed."""
        super().move_weights_to_host_impl()
        self.gather.clear()

    def deallocate_weights_impl(self) -> None:
        """Free the device memory of the weights and of the gather's places."""
        super().deallocate_weights_impl()
        self.gather.clear()

    def launch_arguments(self) -> dict[str, Any]:
        """The output's dtype and, for an activation, the grid that makes TTNN fuse it."""
        arguments = super().launch_arguments() | {"dtype": self.activation_dtype}
        if self.activation is not None:
            arguments |= {"activation": self.activation, "core_grid": self.device.core_grid}
        return arguments

    def forward(self, rows: Any) -> Any:
        """Convolve rows."""
        gathered = self.gather(rows, self.upload)
        return ttnn.linear(gathered, self.tt_weight, bias=self.tt_bias, **self.launch)


class TTNNRowTransposedConvolution(TTNNRowConvolution):
    """A transposed convolution on rows, [B, T, C] → [B, T', N].

    The matrix makes ``stride`` output rows at once, side by side.
    """

    @classmethod
    def taps_of(cls, conv: Any) -> Taps:
        """Which rows the output rows of a place are made of."""
        return Taps.of_transposed(conv)

    def matrix(self) -> torch.Tensor:
        """The kernel [C, N, taps] as a matrix [places * C, stride * N]."""
        conv = self.torch_layer
        weight = conv.weight.detach()
        (kernel,), (stride,), padding = conv.kernel_size, conv.stride, int(conv.padding[0])
        blocks = []
        for offset in self.gather.taps.offsets:
            for phase in range(stride):
                tap = phase + padding - stride * offset
                inside = 0 <= tap < kernel
                blocks.append(weight[:, :, tap] if inside else torch.zeros_like(weight[:, :, 0]))
        places = len(self.gather.taps.offsets)
        stacked = torch.stack(blocks).view(places, stride, conv.in_channels, conv.out_channels)
        return stacked.permute(0, 2, 1, 3).reshape(places * conv.in_channels, -1)

    def forward(self, rows: Any) -> Any:
        """Convolve rows."""
        conv = self.torch_layer
        batch, length, _ = tuple(rows.shape)
        (kernel,), (stride,), padding = conv.kernel_size, conv.stride, int(conv.padding[0])
        wide = TTNNRowConvolution.written(self, rows)
        made = self.gather.taps.rows(length) * stride
        out = ttnn.reshape(wide, (batch, made, conv.out_channels))
        wanted = (length - 1) * stride - 2 * padding + kernel
        if wanted == made:
            return out
        return ttnn.slice(out, [0, 0, 0], [batch, wanted, conv.out_channels])


class TTNNConvolution(TTNNKernel):
    """`nn.Conv1d` or `nn.ConvTranspose1d` as torch has it: [B, C, T] → [B, N, T'].

    Rows are turned on the way up, or on the device if the input is there.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Convolutions without groups, of more than one channel."""
        return convolution_problem(torch_layer)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNConvolution:
        """Build it for a convolution."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        transposed = isinstance(torch_layer, nn.ConvTranspose1d)
        kind = TTNNRowTransposedConvolution if transposed else TTNNRowConvolution
        module.row_part = kind.of(torch_layer)
        return module

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Turn [B, C, T] into rows on the way up."""
        return Rows(self.upload(tensor.transpose(-1, -2)))

    def forward(self, x: Any, as_rows: bool = False) -> Any:
        """Convolve [B, C, T]; or, as a part of a larger kernel, rows [B, T, C] → [B, T', N]."""
        if as_rows:
            return self.on_rows(x)
        rows = x.tensor if isinstance(x, Rows) else ttnn.transpose(x, 1, 2)
        return ttnn.transpose(self.on_rows(rows), 1, 2)

    def on_rows(self, rows: Any) -> Any:
        """What is done with rows, [B, T, C] → [B, T', N]."""
        return self.row_part.written(rows)
