"""Kernels that only call swapped modules, with nothing of torch between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch

from symbiote_core import TorchTTNNTensor, TTNNModule
from symbiote_core.fallback import STAY_AFTER
from symbiote_core.module.hooks import active_hook
from symbiote_core.module.modes import MODES
from symbiote_ttnn.kernels.base import TTNNKernel

_WITH_TORCH = (MODES["torch"], MODES["compare"])
"""Run modes in which modules are called by torch's code, as they run their torch layers."""


class TTNNOverSwapped(TTNNKernel):
    """A kernel that only calls the swapped modules in its torch module.

    What these in a row do not give, such as attention weights, is left to torch's own ``forward``,
    which runs over the same modules.

    Attributes:
        gives_states: whether it gives the hidden states of all layers.
    """

    covers_children = False
    gives_states: ClassVar[bool] = False

    def can_call(self, modules: Iterable[Any], kind: type | None = None) -> bool:
        """Whether all of ``modules`` are swapped, and none has to be called by torch's code.

        Args:
            modules: the modules.
            kind: the kernel that each has to be, or None for any.
        """
        return self.device is not None and all(
            TTNNModule in type(module).__mro__
            and (kind is None or type(module) is kind)
            and not _runs_torch(module)
            and not _is_watched(module)
            for module in modules
        )

    def wants_more(self, options: Mapping[str, Any]) -> bool:
        """Whether the model's configuration or a call asks for what the device does not give.

        Args:
            options: those of a ``forward`` of transformers that the kernel has no use for.
        """
        config = self.torch_layer.config
        if config.output_attentions or not config.return_dict:
            return True
        if self.wants_states(options) and not self.gives_states:
            return True
        plain = {
            "return_dict": (None, True),
            "output_attentions": (None, False),
            "output_hidden_states": (None, False, True),
        }
        return any(value not in plain.get(key, (None,)) for key, value in options.items())

    def wants_states(self, options: Mapping[str, Any]) -> bool:
        """Whether the hidden states of all layers are asked for."""
        wanted = options.get("output_hidden_states")
        return bool(self.torch_layer.config.output_hidden_states if wanted is None else wanted)

    def raw(self, tensor: torch.Tensor) -> Any:
        """The device tensor of what torch code passes, or a swapped module returned."""
        return tensor.to_ttnn if isinstance(tensor, TorchTTNNTensor) else self.upload(tensor)

    def shown(self, tensor: Any, dtype: torch.dtype | None = None) -> TorchTTNNTensor:
        """A device tensor as torch code sees it, of the model's dtype if none is given."""
        state = self._symbiote
        return TorchTTNNTensor(
            tensor, dtype or state.dtype, state.runtime, state.device, state.activity
        )


def called(module: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a swapped module with device tensors, and count the call."""
    out = module(*args, **kwargs)
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
