"""What both towers have in common: a way through their layers with nothing of torch between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symbiote_core import use_runtime
from symbiote_core.runtime.active import ACTIVE
from symbiote_owlvit.kernels.layer import TTNNOwlViTLayer
from symbiote_ttnn import TTNNOverSwapped, called


class OverSwapped(TTNNOverSwapped):
    """What tower and model have in common: they run where their runtime is the active one."""

    def on_device(self, run: Callable[..., Any], *args: Any) -> Any:
        """``run(*args)`` with this module's runtime as the active one."""
        runtime = self._symbiote.runtime
        assert runtime is not None
        if runtime is ACTIVE.runtime:
            return run(*args)
        with use_runtime(runtime):
            return run(*args)


class Tower(OverSwapped):
    """A tower: embeddings, encoder layers and norms, which are swapped modules themselves."""

    @classmethod
    def supports(cls, torch_layer: Any) -> str | None:
        """Towers of the structure that transformers 4.57 to 5 have."""
        if not hasattr(torch_layer, "embeddings"):
            return "it has no embeddings"
        if not hasattr(getattr(torch_layer, "encoder", None), "layers"):
            return "it has no encoder.layers"
        return None

    @property
    def layers(self) -> Any:
        """The encoder's layers."""
        return self.torch_layer.encoder.layers

    def are_layers_ready(self) -> bool:
        """Whether all layers are swapped as a whole, and ready."""
        return self.can_call(self.layers, TTNNOwlViTLayer)

    def through_layers(self, hidden: Any, mask: Any = None, is_causal: bool = False) -> Any:
        """Run the layers: [B, S, D] → [B, S, D], on the device.

        Args:
            hidden: what goes into the first layer.
            mask: added to the scores, [1 or B, 1, S, S] on the device.
            is_causal: whether tokens see what stands before them alone.
        """
        for layer in self.layers:
            out = called(layer, hidden, mask, is_causal=is_causal)
            hidden = out[0] if layer.gives_tuple else out
        return hidden
