"""What the loops over the layers of encoder and decoder have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from symbiote_core import TorchTTNNTensor, TTNNModule
from symbiote_core.module.hooks import active_hook
from symbiote_ttnn import TTNNKernel

_PLAIN: dict[str, tuple[Any, ...]] = {
    "return_dict": (None, True),
    "output_attentions": (None, False),
    "output_hidden_states": (None, False, True),
}
"""Options of a forward, and the values with which the device can take it."""


class TTNNLayers(TTNNKernel):
    """A loop over swapped layers. What they do not give is left to torch's own ``forward``."""

    covers_children = False

    def wants_more(self, options: dict[str, Any]) -> bool:
        """Whether a call asks for something that the device does not give."""
        config = self.torch_layer.config
        if config.output_attentions or not config.return_dict:
            return True
        return any(value not in _PLAIN.get(key, (None,)) for key, value in options.items())

    def wants_states(self, options: dict[str, Any]) -> bool:
        """Whether the hidden states of all layers are asked for."""
        wanted = options.get("output_hidden_states")
        return bool(self.torch_layer.config.output_hidden_states if wanted is None else wanted)

    def are_ready(self, layers: Iterable[Any], kind: type, others: Iterable[Any] = ()) -> bool:
        """Whether all are swapped, layers for ``kind``, and nobody looks into these."""
        return (
            self.device is not None
            and all(type(layer) is kind and not _is_watched(layer) for layer in layers)
            and all(TTNNModule in type(module).__mro__ for module in others)
        )

    def on_device(self, states: torch.Tensor) -> Any:
        """Hidden states of torch code on the device."""
        return states.to_ttnn if isinstance(states, TorchTTNNTensor) else self.upload(states)

    def shown(self, states: Iterable[Any]) -> list[TorchTTNNTensor]:
        """Hidden states on the device for torch code."""
        own = self._symbiote
        return [
            TorchTTNNTensor(hidden, own.dtype, own.runtime, own.device, own.activity)
            for hidden in states
        ]


def called(module: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a swapped module with device tensors, and count the call."""
    out = module(*args, **kwargs)
    module._symbiote.calls.calls += 1
    return out


def _is_watched(layer: Any) -> bool:
    """Whether somebody hooks a layer, or a module in it, to see what torch computes."""
    if not (layer._is_hooked() or layer._symbiote.is_hooked()):
        return False
    return any(active_hook(module) is not None for module in layer.torch_layer.modules())
