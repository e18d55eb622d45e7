"""Copies and pickles of swapped modules: converted weights stay behind, they are made again."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from symbiote_core.module import weights
from symbiote_core.module.state import ModuleState

if TYPE_CHECKING:
    from symbiote_core.module.ttnn_module import TTNNModule


class Copied:
    """What `TTNNModule` does when it is copied or pickled."""

    def __getstate__(self: Any) -> dict[str, Any]:
        """Everything but TTNN tensors and the device, which can't be copied."""
        held = {*weights.tensor_attributes(self), *self.transient}
        state = {k: v for k, v in vars(self).items() if k not in held and k != "_symbiote"}
        kept = self._symbiote
        state["_symbiote"] = {
            "path": kept.path,
            "plugin": kept.plugin,
            "dtype": kept.dtype,
            "strict": kept.strict,
            "is_part": kept.is_part,
            "config": kept.config,
        }
        return state

    def __setstate__(self: Any, state: dict[str, Any]) -> None:
        """Take the state of a copy; the weights are in torch, and there is no device yet."""
        kept = state.pop("_symbiote")
        vars(self).update(state)
        object.__setattr__(self, "_symbiote", ModuleState(mode=self._first_mode(), **kept))
        layer = self._torch_layer
        if layer is not None:
            self._bind(layer)

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        """Pickle by the kernel's class, not by the class that ``isinstance`` sees."""
        return (_new, (type(self),), self.__getstate__())

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> TTNNModule:
        """A copy on the same device that converts its own weights."""
        copied = _new(type(self))
        memo[id(self)] = copied
        copied.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        copied._symbiote.device = self._symbiote.device
        copied._symbiote.runtime = self._symbiote.runtime
        return copied


def _new(cls: type[TTNNModule]) -> TTNNModule:
    module: TTNNModule = cls.__new__(cls)
    return module
