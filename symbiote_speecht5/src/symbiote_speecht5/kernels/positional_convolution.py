"""The convolution that gives the states of speech their positions: wide, and in groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from symbiote_speecht5.taps import Gather, Taps
from symbiote_ttnn import TTNNKernel, activation_name, tile, ttnn


class TTNNPositionalConvolution(TTNNKernel):
    """``SpeechT5PositionalConvEmbedding``: [B, T, D] → [B, T, D].

    TTNN's own convolution takes seconds to set up this one (16 groups, a kernel of 128). Here the
    groups are the batch of a matmul over gathered rows. Of a kernel of even length torch computes a
    row too many and drops it; here it is not computed.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Embeddings of the structure that transformers 4.57 to 5 have."""
        conv = getattr(torch_layer, "conv", None)
        if not isinstance(conv, nn.Conv1d) or not hasattr(torch_layer, "activation"):
            return "it has no conv of one dimension, and activation"
        if conv.in_channels != conv.out_channels or conv.stride != (1,):
            return "its convolution changes the shape"
        if activation_name(torch_layer.activation) != "gelu":
            return f"its activation is {type(torch_layer.activation).__name__}, not gelu"
        return None

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNPositionalConvolution:
        """Build it for a ``SpeechT5PositionalConvEmbedding``."""
        conv = torch_layer.conv
        module = cls()
        module._fallback_torch_layer = torch_layer
        taps = Taps.of(conv)
        module.gather = Gather(Taps(taps.offsets, taps.stride, -1), conv.groups)
        return module

    def preprocess_weights_impl(self) -> None:
        """Convert the kernel, weight norm and all, to [groups, taps * C, N], and the bias."""
        conv = self.torch_layer.conv
        weight = conv.weight.detach().unflatten(0, (conv.groups, -1))  # [groups, N, C, taps]
        self.tt_weight = tile(weight.permute(0, 3, 2, 1).flatten(1, 2), self.weight_dtype)
        self.tt_bias = None if conv.bias is None else tile(conv.bias.reshape(1, -1))

    def move_weights_to_host_impl(self) -> None:
        """Bring the weights back; the gather's places are made again when they are needed."""
        super().move_weights_to_host_impl()
        self.gather.clear()

    def deallocate_weights_impl(self) -> None:
        """Free the device memory of the weights and of the gather's places."""
        super().deallocate_weights_impl()
        self.gather.clear()

    def launch_arguments(self) -> dict[str, Any]:
        """The output's dtype; the bias brings the activation with it."""
        self.activated = {"activations": [ttnn.UnaryOpType.GELU]}
        return super().launch_arguments() | {"dtype": self.activation_dtype}

    transient = ("launch", "activated")

    def forward(self, hidden_states: Any) -> Any:
        """Convolve and activate."""
        shape = tuple(hidden_states.shape)
        gathered = self.gather(hidden_states, self.upload)
        parts = ttnn.matmul(gathered, self.tt_weight, **self.launch)  # [groups, B * T, N]
        rows = ttnn.reshape(ttnn.permute(parts, (1, 0, 2)), shape)
        if self.tt_bias is None:
            return ttnn.gelu(rows)
        return ttnn.add(rows, self.tt_bias, **self.activated)

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Upload the states in bfloat16."""
        return self.upload(tensor)
