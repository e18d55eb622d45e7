"""A whole decoder layer: nothing leaves the device."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import UnsupportedInputError
from symbiote_llama.kernels.attention import TTNNGroupedAttention
from symbiote_llama.kernels.mlp import TTNNGatedMLP
from symbiote_llama.rotary import half_turn
from symbiote_llama.steps import Prompt, Rotation, Step
from symbiote_llama.structure import DecoderLayer
from symbiote_ttnn import TTNNKernel, TTNNRMSNorm, add_in_place
from symbiote_ttnn.generic.masks import mask_on_device

_HOST = frozenset({"attention_mask", "position_ids", "cache_position"})
"""Arguments that stay on the host."""


class TTNNDecoderLayer(TTNNKernel):
    """``LlamaDecoderLayer``, ``MistralDecoderLayer`` or ``Qwen2DecoderLayer``.

    Norm, attention, residual, norm, MLP, residual. `TTNNDecoderModel` calls it with a `Step`.
    Torch code may call it, too: for a prompt, with a mask or causal, and without a cache.
    """

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Layers of the structure that transformers 4.57 to 5 have."""
        try:
            parts = DecoderLayer.of(torch_layer)
        except AttributeError as error:
            return f"its structure is not known: {error}"
        return parts.unsupported()

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNDecoderLayer:
        """Build it for a decoder layer."""
        parts = DecoderLayer.of(torch_layer)
        attention = torch_layer.self_attn
        module = cls()
        module._fallback_torch_layer = torch_layer
        module.norm_before = TTNNRMSNorm.from_torch(parts.norm_before)
        module.attention = TTNNGroupedAttention.from_layers(
            parts.attention, attention.layer_idx, attention
        )
        module.norm_after = TTNNRMSNorm.from_torch(parts.norm_after)
        module.gated_mlp = TTNNGatedMLP.from_layers(parts, torch_layer.mlp)
        return module

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Leave masks and positions on the host."""
        return tensor if position in _HOST else super().upload_input(tensor, position)

    def forward(
        self,
        hidden_states: Any,
        step: Step | None = None,
        attention_mask: Any = None,
        past_key_values: Any = None,
        position_embeddings: Any = None,
        **others: Any,
    ) -> Any:
        """Run the layer: [B, S, D] → [B, S, D], or [1, 1, B, D] for one token of each row.

        Args:
            hidden_states: on the device.
            step: what `TTNNDecoderModel` passes; None in a call of torch code.
            attention_mask: of torch code, [1 or B, 1, S, S]: booleans that tell what a token sees,
                or what is added to the scores; None if it sees those before.
            past_key_values: of torch code; not taken.
            position_embeddings: cosines and sines of torch code, [1 or B, S, head_size] each.
            **others: of torch code; not needed here.

        Raises:
            UnsupportedInputError: for a cache of torch code, and for a mask that hides everything
                from a token.
        """
        if step is None:
            if past_key_values is not None:
                raise UnsupportedInputError("called by torch code, the layer takes no cache")
            step = self._step_of_torch(attention_mask, position_embeddings)
        normed = self.norm_before.written(hidden_states)
        hidden_states = add_in_place(self.attention.written(normed, step), hidden_states)
        normed = self.norm_after.written(hidden_states)
        return add_in_place(self.gated_mlp.written(normed), hidden_states)

    def _step_of_torch(self, mask: torch.Tensor | None, tables: Any) -> Prompt:
        """What torch code says of a prompt, as a step."""
        added = None
        if mask is not None:
            length = tables[0].shape[1]
            seen = mask_on_device(self, mask, length, length)
            if seen.kept is not None:
                raise UnsupportedInputError("the mask hides every key from some query")
            added = seen.added
        cos, sin = (self.upload(table.unsqueeze(1)) for table in tables)
        rows, _, head_size = tables[0].shape
        turn = None if rows == 1 else self.upload(half_turn(head_size))
        return Prompt(Rotation(cos, sin, turn), mask=added)
