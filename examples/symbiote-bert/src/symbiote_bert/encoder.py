"""The encoder: the mask goes up once for all of its layers."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_bert.layer import TTNNBertLayer
from symbiote_bert.masks import additive_mask
from symbiote_core import TorchTTNNTensor, UnsupportedInputError, runtime_of, use_runtime
from symbiote_ttnn import TTNNKernel


class TTNNBertEncoder(TTNNKernel):
    """``BertEncoder``: torch's own loop over swapped layers, with the mask on the device."""

    covers_children = False

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Encoders with a list of layers."""
        return None if hasattr(torch_layer, "layer") else "it has no list called layer"

    def forward(
        self, hidden_states: Any, attention_mask: Any = None, *others: Any, **options: Any
    ) -> Any:
        """Run the layers: [B, S, D] → what torch's encoder returns."""
        whole = all(type(layer) is TTNNBertLayer for layer in self.torch_layer.layer)
        if whole and self.device is not None and isinstance(attention_mask, torch.Tensor):
            attention_mask = self._on_device(attention_mask, hidden_states.dtype)
        return self.torch_layer.forward(hidden_states, attention_mask, *others, **options)

    def _on_device(self, mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        try:
            added = additive_mask(mask)
        except UnsupportedInputError:
            return mask  # each layer refuses it too, and torch has its answer
        runtime = runtime_of(self.device)
        with use_runtime(runtime):
            return TorchTTNNTensor(self.upload(added), dtype, runtime, self.device)
