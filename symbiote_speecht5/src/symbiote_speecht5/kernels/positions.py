"""The vectors of relative positions, on the device."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_ttnn import TTNNKernel, ttnn

MAX_LENGTHS = 4
"""Lengths whose vectors are kept on the device; beyond it all but the latest are made anew."""


class TTNNRelativePositions(TTNNKernel):
    """``SpeechT5RelativePositionalEncoding``: hidden states [B, S, D] → [S, S, head_size].

    The vector of query i and key j is that of the distance i - j. For `Scores`, called with a
    length, it gives them as [S, head_size, S], and keeps them for the next call.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Encodings of the structure that transformers 4.57 to 5 have."""
        if not hasattr(torch_layer, "pe_k") or not hasattr(torch_layer, "max_length"):
            return "it has no pe_k and max_length"
        return None

    def preprocess_weights_impl(self) -> None:
        """Convert the table of distances, [2 * max_length, head_size]."""
        self.tt_weight = ttnn.from_torch(
            self.torch_layer.pe_k.weight.detach().contiguous(),
            dtype=ttnn.bfloat16,
            layout=ttnn.ROW_MAJOR_LAYOUT,
        )
        self.tt_lengths: dict[int, Any] = {}

    def move_weights_to_host_impl(self) -> None:
        """Bring the table back; what was made of it is made again when it is needed."""
        super().move_weights_to_host_impl()
        self.tt_lengths.clear()

    def deallocate_weights_impl(self) -> None:
        """Free the table and what was made of it."""
        super().deallocate_weights_impl()
        self.tt_lengths.clear()

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave hidden states where they are: only their length counts."""
        return tensor

    def forward(self, hidden_states: Any) -> Any:
        """The vectors for hidden states, or, transposed and kept, for a length."""
        if not isinstance(hidden_states, int):
            return self._vectors(int(hidden_states.shape[1]))
        length = hidden_states
        if length not in self.tt_lengths:
            if len(self.tt_lengths) >= MAX_LENGTHS:
                self.tt_lengths.clear()
            self.tt_lengths[length] = ttnn.transpose(self._vectors(length), 1, 2)
        return self.tt_lengths[length]

    def _vectors(self, length: int) -> Any:
        longest = int(self.torch_layer.max_length)
        places = torch.arange(length)
        distances = (places.unsqueeze(1) - places).clamp(-longest, longest - 1) + longest
        at = self.upload(distances, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
        return ttnn.embedding(at, self.tt_weight, layout=ttnn.TILE_LAYOUT)
