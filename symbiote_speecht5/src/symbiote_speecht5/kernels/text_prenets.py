"""Texts on their way into encoder and decoder: token and position embeddings."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import UnsupportedInputError
from symbiote_ttnn import TTNNEmbedding, TTNNKernel, tile, ttnn


class TTNNTextEncoderPrenet(TTNNKernel):
    """``SpeechT5TextEncoderPrenet``: ids [B, S] → [B, S, D]."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Prenets of the structure that transformers 4.57 to 5 have."""
        positions = getattr(torch_layer, "encode_positions", None)
        if not hasattr(positions, "pe") or not hasattr(positions, "alpha"):
            return "it has no encode_positions with pe and alpha"
        return TTNNEmbedding.supports(torch_layer.embed_tokens)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNTextEncoderPrenet:
        """Build it for a ``SpeechT5TextEncoderPrenet``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.embed = TTNNEmbedding.from_torch(torch_layer.embed_tokens)
        return module

    def preprocess_weights_impl(self) -> None:
        """Convert the scaled positions, [1, P, D]."""
        positions = self.torch_layer.encode_positions
        self.tt_positions = tile(positions.alpha.detach() * positions.pe)

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Upload ids, as `TTNNEmbedding` does."""
        return self.embed.upload_input(tensor, position)

    def forward(self, input_ids: Any) -> Any:
        """Look ids up and add their positions.

        Raises:
            UnsupportedInputError: for more ids than there are positions; torch says so then.
        """
        embedded = self.embed.written(input_ids)
        length, width = tuple(embedded.shape)[-2:]
        if length > int(self.tt_positions.shape[1]):
            raise UnsupportedInputError(
                f"{length} tokens are more than the {int(self.tt_positions.shape[1])} positions"
            )
        positions = ttnn.slice(self.tt_positions, [0, 0, 0], [1, length, width])
        return ttnn.add(embedded, positions)


class TTNNTextDecoderPrenet(TTNNKernel):
    """``SpeechT5TextDecoderPrenet``: ids [B, S] and a mask → [B, S, D] and the mask."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Prenets of the structure that transformers 4.57 to 5 have."""
        positions = getattr(torch_layer, "embed_positions", None)
        if not hasattr(positions, "create_position_ids_from_input_ids"):
            return "it has no embed_positions that makes position ids"
        return TTNNEmbedding.supports(torch_layer.embed_tokens)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNTextDecoderPrenet:
        """Build it for a ``SpeechT5TextDecoderPrenet``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.embed = TTNNEmbedding.from_torch(torch_layer.embed_tokens)
        return module

    def preprocess_weights_impl(self) -> None:
        """Convert the table of positions, [P, D]."""
        self.tt_positions = _rows(self.torch_layer.embed_positions.weights)

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave ids and mask on the host: positions are counted there."""
        return tensor

    def forward(
        self, input_ids: torch.Tensor, attention_mask: Any = None, past_key_values: Any = None
    ) -> Any:
        """Look ids and their positions up."""
        layer = self.torch_layer
        table = layer.embed_positions
        seen = 0 if past_key_values is None else past_key_values.get_seq_length()
        ids = input_ids.view(-1, input_ids.shape[-1])
        places = table.create_position_ids_from_input_ids(ids, table.padding_idx, seen)
        self._reach(int(places.max()) + 1)
        at = self.upload(places, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
        positions = ttnn.embedding(at, self.tt_positions, layout=ttnn.TILE_LAYOUT)
        embedded = self.embed.written(self.embed.upload_input(ids, 0))
        if layer.embed_scale != 1.0:
            embedded = ttnn.multiply(embedded, layer.embed_scale)
        return ttnn.add(embedded, positions), attention_mask

    def _reach(self, count: int) -> None:
        """Make the table longer, as torch does, where a text is."""
        known = int(self.tt_positions.shape[0])
        if count <= known:
            return
        table = self.torch_layer.embed_positions
        longer = table.get_embedding(
            max(count, 2 * known), table.weights.shape[1], table.padding_idx
        )
        self.tt_positions = ttnn.to_device(_rows(longer), self.device)


def _rows(table: torch.Tensor) -> Any:
    """A table to look up in."""
    return ttnn.from_torch(
        table.detach().contiguous(), dtype=ttnn.bfloat16, layout=ttnn.ROW_MAJOR_LAYOUT
    )
