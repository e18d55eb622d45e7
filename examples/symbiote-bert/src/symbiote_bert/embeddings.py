"""Ids to token embeddings."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_bert.layer import TTNNResidualNorm
from symbiote_core import UnsupportedInputError
from symbiote_ttnn import TTNNEmbedding, TTNNKernel, ttnn


class TTNNBertEmbeddings(TTNNKernel):
    """``BertEmbeddings``: ids [B, S] → tokens [B, S, D].

    Positions and token types are few: one table holds the sum of every pair, so that two look-ups
    and one norm, which adds, are all that runs.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Embeddings with tables of words, absolute positions and token types."""
        names = ("word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm")
        for name in names:
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        positions = getattr(torch_layer, "position_embedding_type", "absolute")
        if positions != "absolute":  # 4.57; transformers 5 has no other
            return f"positions of type {positions!r} are not written"
        return TTNNEmbedding.supports(torch_layer.word_embeddings)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNBertEmbeddings:
        """Build it for a ``BertEmbeddings``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.words = TTNNEmbedding.from_torch(torch_layer.word_embeddings)
        module.norm = TTNNResidualNorm.from_torch(torch_layer.LayerNorm)
        return module

    def preprocess_weights_impl(self) -> None:
        """Make the table of pairs, [P * T, D]: row p * T + t is position p plus token type t."""
        positions = self.torch_layer.position_embeddings.weight.detach().float()
        types = self.torch_layer.token_type_embeddings.weight.detach().float()
        pairs = (positions.unsqueeze(1) + types).flatten(0, 1)
        self.tt_pairs = ttnn.from_torch(
            pairs.contiguous(), dtype=ttnn.bfloat16, layout=ttnn.ROW_MAJOR_LAYOUT
        )

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Upload words; positions and types stay on the host, where they become pairs.

        Raises:
            UnsupportedInputError: for an id outside of the table, for which torch has the error.
        """
        if position in (0, "input_ids"):
            return self.words.upload_input(tensor, position)
        if position in (3, "inputs_embeds"):
            return super().upload_input(tensor, position)
        return tensor

    def forward(
        self,
        input_ids: Any = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: Any = None,
        past_key_values_length: int = 0,
    ) -> Any:
        """Embed ids [B, S], or add to embeddings [B, S, D] of the caller's own.

        Args:
            input_ids: on the device.
            token_type_ids: [B, S] on the host; zeros if None.
            position_ids: [1 or B, S] on the host; one after the other if None.
            inputs_embeds: in the place of ``input_ids``, on the device.
            past_key_values_length: the position of the first id.

        Raises:
            UnsupportedInputError: for positions or types outside of their tables.
        """
        words = self.words(input_ids) if inputs_embeds is None else inputs_embeds
        batch, length, _ = tuple(words.shape)
        if position_ids is None:
            position_ids = torch.arange(length) + past_key_values_length
        if token_type_ids is None:
            token_type_ids = torch.zeros(1, dtype=torch.long)
        pairs = self._pairs(position_ids, token_type_ids).expand(batch, length)
        uploaded = self.upload(pairs, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
        rest = ttnn.embedding(uploaded, self.tt_pairs, layout=ttnn.TILE_LAYOUT)
        return self.norm(words, rest)

    def _pairs(self, positions: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        layer = self.torch_layer
        for name, ids, table in (
            ("positions", positions, layer.position_embeddings),
            ("token types", types, layer.token_type_embeddings),
        ):
            low, high = map(int, ids.aminmax())
            if low < 0 or high >= table.num_embeddings:
                raise UnsupportedInputError(
                    f"{name} from {low} to {high} do not fit a table of {table.num_embeddings}"
                )
        pairs: torch.Tensor = positions * layer.token_type_embeddings.num_embeddings + types
        return pairs
