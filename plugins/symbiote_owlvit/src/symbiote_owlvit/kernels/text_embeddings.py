"""Ids to token embeddings."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import UnsupportedInputError
from symbiote_ttnn import TTNNEmbedding, TTNNKernel, tile, ttnn


class TTNNOwlViTTextEmbeddings(TTNNKernel):
    """``OwlViTTextEmbeddings``: ids [B, S] → tokens [B, S, D], looked up, and positions added."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Embeddings with a table of tokens and one of positions."""
        for name in ("token_embedding", "position_embedding"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        return TTNNEmbedding.supports(torch_layer.token_embedding)

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNOwlViTTextEmbeddings:
        """Build it for an ``OwlViTTextEmbeddings``."""
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.tokens = TTNNEmbedding.from_torch(torch_layer.token_embedding)
        return module

    def preprocess_weights_impl(self) -> None:
        """Convert the table of positions, [P, D]; that of tokens is a part of its own."""
        self.tt_positions = tile(self.torch_layer.position_embedding.weight)

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Upload ids as `TTNNEmbedding` does; sequences that are too long are refused.

        Raises:
            UnsupportedInputError: for an input that is not ids [B, S] of at most P tokens, in the
                table; torch has the answer, or says why there is none.
        """
        longest = self.torch_layer.position_embedding.num_embeddings
        if position not in (0, "input_ids") or tensor.ndim != 2 or tensor.shape[1] > longest:
            raise UnsupportedInputError(
                f"the kernel takes ids [batch, up to {longest}], not {position} of "
                f"{list(tensor.shape)}"
            )
        return self.tokens.upload_input(tensor, position)

    def forward(self, input_ids: Any, position_ids: Any = None, inputs_embeds: Any = None) -> Any:
        """Embed ids [B, S], which stand at the positions 0 to S - 1.

        Raises:
            UnsupportedInputError: for positions or embeddings of the caller's own.
        """
        if position_ids is not None or inputs_embeds is not None:
            raise UnsupportedInputError("the kernel takes ids alone")
        tokens = self.tokens.written(input_ids)
        length, table = int(tokens.shape[1]), self.tt_positions
        if length < int(table.shape[0]):
            table = ttnn.slice(table, [0, 0], [length, int(table.shape[1])])
        return ttnn.add(tokens, table)
