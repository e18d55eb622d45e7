"""The text tower: causal, with padding or without."""

from __future__ import annotations

from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from symbiote_owlvit.kernels.tower import Tower
from symbiote_owlvit.masks import additive_mask, causal_mask
from symbiote_ttnn import called, ttnn


class TTNNOwlViTText(Tower):
    """``OwlViTTextTransformer``: ids [B, S] → hidden states [B, S, D] and those of the ends [B, D].

    Without padding the attention is causal by itself, and nothing is masked. A text ends at its
    highest id; a matmul with a row that has a one there takes its hidden state.
    """

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        *others: Any,
        **options: Any,
    ) -> Any:
        """Run the tower; NotImplemented leaves the call to torch's ``forward``."""
        model = self.torch_layer
        if input_ids is None or others or self.wants_more(options):
            return NotImplemented
        around = (model.embeddings, model.final_layer_norm)
        if not self.can_call(around) or not self.are_layers_ready():
            return NotImplemented
        ids = input_ids.reshape(-1, input_ids.shape[-1])
        if not _is_padding_mask(attention_mask, ids):
            return NotImplemented
        tokens = model.embeddings(input_ids=ids)
        try:
            states, ends = self.on_device(self._run, tokens, ids, attention_mask)
        except Exception as error:  # torch's forward has the answer
            return self.give_up(error, input_ids)
        return BaseModelOutputWithPooling(
            last_hidden_state=self.shown(states), pooler_output=self.shown(ends)
        )

    def _run(self, tokens: torch.Tensor, ids: torch.Tensor, padding: Any) -> tuple[Any, Any]:
        model = self.torch_layer
        mask = None
        if padding is not None and not bool(padding.all()):
            mask = self.upload(additive_mask(causal_mask(padding)))
        hidden = self.through_layers(self.raw(tokens), mask, is_causal=mask is None)
        hidden = called(model.final_layer_norm, hidden)
        batch, length, width = tuple(hidden.shape)
        # The dtype in which transformers looks for the highest id.
        at = ids.to(torch.int).argmax(dim=-1)
        rows = torch.nn.functional.one_hot(at, length).unsqueeze(1)
        ends = ttnn.matmul(self.upload(rows), hidden, **self.launch)
        return hidden, ttnn.reshape(ends, (batch, width))


def _is_padding_mask(mask: Any, ids: torch.Tensor) -> bool:
    """Whether it is None, or [B, S] with rows that begin with a token.

    A query that sees no key at all is answered differently by torch's implementations.
    """
    if mask is None:
        return True
    return tuple(mask.shape) == tuple(ids.shape) and bool(mask[:, 0].all())
