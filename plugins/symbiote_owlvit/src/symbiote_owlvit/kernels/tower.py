"""What both towers have in common: a way through their layers with nothing of torch between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from symbiote_core import TorchTTNNTensor, TTNNModule, use_runtime
from symbiote_core.fallback import STAY_AFTER
from symbiote_core.module.hooks import active_hook
from symbiote_core.module.modes import MODES
from symbiote_core.runtime.active import ACTIVE
from symbiote_owlvit.kernels.layer import TTNNOwlViTLayer
from symbiote_ttnn import TTNNKernel

_PLAIN: dict[str, tuple[Any, ...]] = {
    "return_dict": (None, True),
    "output_attentions": (None, False),
    "output_hidden_states": (None, False),
}
"""Options that ask for nothing special, and what they are then; others are None."""


_WITH_TORCH = (MODES["torch"], MODES["compare"])
"""Run modes in which modules are called by torch's code, as they run their torch layers."""


class OverSwapped(TTNNKernel):
    """A kernel that only calls the swapped modules in its torch module.

    What these in a row do not give, such as all hidden states or attentions, is left to torch's own
    ``forward``, which runs over the same modules.
    """

    covers_children = False

    def is_ready(self, modules: Iterable[Any]) -> bool:
        """Whether all of ``modules`` are swapped, and none has to be called by torch's code."""
        return self.device is not None and all(
            TTNNModule in type(module).__mro__
            and not _runs_torch(module)
            and not _is_watched(module)
            for module in modules
        )

    def wants_more(self, options: dict[str, Any]) -> bool:
        """Whether the model's configuration or a call asks for more than the usual outputs."""
        config = self.torch_layer.config
        if config.output_hidden_states or config.output_attentions or not config.return_dict:
            return True
        return any(value not in _PLAIN.get(key, (None,)) for key, value in options.items())

    def on_device(self, run: Callable[..., Any], *args: Any) -> Any:
        """``run(*args)`` with this module's runtime as the active one."""
        runtime = self._symbiote.runtime
        assert runtime is not None
        if runtime is ACTIVE.runtime:
            return run(*args)
        with use_runtime(runtime):
            return run(*args)

    def raw(self, tensor: torch.Tensor) -> Any:
        """The device tensor of what a swapped module returned, which may be of torch."""
        return tensor.to_ttnn if isinstance(tensor, TorchTTNNTensor) else self.upload(tensor)

    def shown(self, tensor: Any, dtype: torch.dtype | None = None) -> TorchTTNNTensor:
        """A device tensor as torch code sees it, of the model's dtype if none is given."""
        state = self._symbiote
        return TorchTTNNTensor(
            tensor, dtype or state.dtype, state.runtime, state.device, state.activity
        )


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
        layers = self.layers
        return self.is_ready(layers) and all(type(layer) is TTNNOwlViTLayer for layer in layers)

    def through_layers(self, hidden: Any, mask: Any = None, is_causal: bool = False) -> Any:
        """Run the layers: [B, S, D] → [B, S, D], on the device.

        Args:
            hidden: what goes into the first layer.
            mask: added to the scores, [1 or B, 1, S, S] on the device.
            is_causal: whether tokens see what stands before them alone.
        """
        for layer in self.layers:
            out = layer(hidden, mask, is_causal=is_causal)
            hidden = out[0] if layer.gives_tuple else out
            layer._symbiote.calls.calls += 1
        return hidden

    def called(self, module: Any, tensor: Any) -> Any:
        """Call a swapped module with a device tensor, and count the call."""
        out = module(tensor)
        module._symbiote.calls.calls += 1
        return out


def _runs_torch(module: TTNNModule) -> bool:
    """Whether a module's torch layer runs: by its mode, or since it failed too often."""
    state = module._symbiote
    return state.mode in _WITH_TORCH or any(n >= STAY_AFTER for n in state.failures.values())


def _is_watched(module: TTNNModule) -> bool:
    """Whether somebody hooks a module, or one in it, to see what torch computes."""
    if not (module._is_hooked() or module._symbiote.is_hooked()):
        return False
    return any(active_hook(part) is not None for part in module.torch_layer.modules())
