"""The encoder's way through its layers, with nothing of torch between them."""

from __future__ import annotations

from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutput

from symbiote_speecht5.kernels.encoder_layer import TTNNSpeechT5EncoderLayer
from symbiote_speecht5.masks import is_padding_mask, real_columns
from symbiote_speecht5.scores import Scores
from symbiote_ttnn import TTNNOverSwapped, added_to_scores, called


class TTNNSpeechT5Encoder(TTNNOverSwapped):
    """``SpeechT5Encoder``: hidden states [B, S, D] → hidden states [B, S, D].

    Norm, relative positions and layers are swapped modules themselves.
    """

    gives_states = True

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Encoders of the structure that transformers 4.57 to 5 have."""
        for name in ("layer_norm", "embed_positions", "layers"):
            if not hasattr(torch_layer, name):
                return f"it has no {name}"
        return None

    def forward(
        self,
        hidden_states: torch.Tensor | None = None,
        attention_mask: Any = None,
        *others: Any,
        **options: Any,
    ) -> Any:
        """Run the encoder; NotImplemented leaves the call to torch's ``forward``."""
        model = self.torch_layer
        if others or hidden_states is None or self.wants_more(options):
            return NotImplemented
        batch, length = hidden_states.shape[:2]
        parts = (model.layer_norm, model.embed_positions)
        if not (
            is_padding_mask(attention_mask, batch, length)
            and self.can_call(model.layers, TTNNSpeechT5EncoderLayer)
            and self.can_call(parts)
        ):
            return NotImplemented
        try:
            states = self._run(hidden_states, real_columns(attention_mask))
        except Exception as error:  # torch's forward has the answer
            return self.give_up(error, hidden_states)
        kept = states if self.wants_states(options) else states[-1:]
        shown = [self.shown(hidden) for hidden in kept]
        return BaseModelOutput(
            last_hidden_state=shown[-1], hidden_states=tuple(shown) if len(shown) > 1 else None
        )

    def _run(self, hidden_states: torch.Tensor, columns: torch.Tensor | None) -> list[Any]:
        """What goes into the first layer, and what comes out of each."""
        model = self.torch_layer
        states = [called(model.layer_norm, self.raw(hidden_states))]
        mask = None if columns is None else self.upload(added_to_scores(columns[:, None, None, :]))
        positions = called(model.embed_positions, int(hidden_states.shape[1]))
        scores = Scores(positions, mask)
        for layer in model.layers:
            states.append(called(layer, states[-1], scores=scores)[0])
        return states
