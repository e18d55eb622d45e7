"""Letting go of the torch weights of swapped modules, and models that never had them in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from symbiote_core.errors import CheckpointError, MetaModelError
from symbiote_core.module.released import Place, Released, ReleasedParameter
from symbiote_core.module.state import Sources
from symbiote_core.module.ttnn_module import TTNNModule
from symbiote_core.swap.checkpoint import Checkpoint


class Releaser:
    """Lets go of the torch weights of a model's swapped modules, one module after the other.

    Args:
        model: a swapped model.
        checkpoint: where its weights can be read again; None if nowhere.
    """

    def __init__(self, model: nn.Module, checkpoint: Checkpoint | None) -> None:
        self.checkpoint = checkpoint
        self._names: dict[int, list[str]] = {}
        self._placeholders: dict[int, ReleasedParameter] = {}
        self._originals: list[tuple[dict[str, Any], str, torch.Tensor]] = []
        self._touched: list[TTNNModule] = []
        for name, parameter in model.named_parameters(remove_duplicate=False):
            self._names.setdefault(id(parameter), []).append(name)

    def fill(self, model: nn.Module, modules: Iterable[TTNNModule]) -> None:
        """Make a model that was built without values ready to be converted.

        Parameters on the meta device become placeholders within swapped modules, to be read when
        each is converted; all others are read now, and so are the buffers that the checkpoint has,
        such as the statistics of batch norms.

        Raises:
            CheckpointError: if one is not in the checkpoint.
            MetaModelError: for a buffer without values.
        """
        for module in modules:
            if module.covers_children:
                self._mark(module, meta_only=True)
        for path, part in model.named_modules():
            for key, buffer in part._buffers.items():
                if buffer is not None and buffer.is_meta:
                    raise MetaModelError(
                        f"The buffer {path}.{key} has no values, and checkpoints mostly lack "
                        "buffers. Build the model within symbiote_core.without_weights()."
                    )
            self._read_buffers(path, part)
            for key, parameter in part._parameters.items():
                if parameter is not None and parameter.is_meta:
                    self._originals.append((part._parameters, key, parameter))
                    value = self._value(parameter).to(parameter.dtype)
                    part._parameters[key] = nn.Parameter(value, requires_grad=False)

    def _read_buffers(self, path: str, part: nn.Module) -> None:
        for key, buffer in list(part._buffers.items()):
            name = f"{path}.{key}" if path else key
            if buffer is None or key in part._non_persistent_buffers_set:
                continue
            if self.checkpoint is not None and name in self.checkpoint:
                self._originals.append((part._buffers, key, buffer))
                part._buffers[key] = self._fitting(name, buffer).to(buffer.dtype)

    def release(self, module: TTNNModule) -> None:
        """Let go of the weights of a converted module.

        Raises:
            CheckpointError: if the checkpoint holds other values than the module.
        """
        if module.covers_children and module._symbiote.released is None:
            self._mark(module, meta_only=False)

    def undo(self) -> None:
        """Everything as it was: what a checkpoint holds is read again, all else put back."""
        for module in self._touched:
            released = module._symbiote.released
            if released is not None:
                module._symbiote.released = None
                kept = {(id(holder), key) for holder, key, _ in self._originals}
                released.places = [p for p in released.places if (id(p.holder), p.key) not in kept]
                released.bring()
        for holder, key, parameter in self._originals:
            holder[key] = parameter

    def _mark(self, module: TTNNModule, meta_only: bool) -> None:
        places = []
        for part in module.torch_layer.modules():
            for key, parameter in part._parameters.items():
                if parameter is None or isinstance(parameter, ReleasedParameter):
                    continue
                if meta_only and not parameter.is_meta:
                    continue
                if parameter.is_meta or self.checkpoint is None:
                    self._originals.append((part._parameters, key, parameter))
                else:
                    self._compare(parameter)
                placeholder = self._placeholder(parameter)
                places.append(Place(part._parameters, key, placeholder, placeholder.name))
        if not places:
            return
        load = None if self.checkpoint is None else self.checkpoint.load
        released = Released(places, load)
        state = module._symbiote
        state.released = released
        self._touched.append(module)
        released.drop(places)
        state.sources = Sources.of(module.torch_layer)

    def _placeholder(self, parameter: nn.Parameter) -> ReleasedParameter:
        """One for each parameter, however many places it stands in."""
        found = self._placeholders.get(id(parameter))
        if found is None:
            found = ReleasedParameter(parameter, self._name(parameter))
            self._placeholders[id(parameter)] = found
        return found

    def _name(self, parameter: nn.Parameter) -> str:
        """Its name; of several, such as those of tied weights, the one in the checkpoint."""
        names = self._names[id(parameter)]
        if self.checkpoint is None:
            return names[0]
        return next((name for name in names if name in self.checkpoint), names[0])

    def _value(self, parameter: nn.Parameter) -> torch.Tensor:
        return self._fitting(self._name(parameter), parameter)

    def _fitting(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """What the checkpoint has by that name, of the shape of ``tensor``."""
        if self.checkpoint is None:
            raise MetaModelError(
                f"{name} has no values, and there is no checkpoint to read it from."
            )
        value = self.checkpoint.load(name)
        if value.shape != tensor.shape:
            raise CheckpointError(
                f"{name} is {list(value.shape)} in {self.checkpoint.path}, and "
                f"{list(tensor.shape)} in the model. Is it of this very model?"
            )
        return value

    def _compare(self, parameter: nn.Parameter) -> None:
        value = self._value(parameter).to(parameter.dtype)
        if not torch.equal(value, parameter):
            assert self.checkpoint is not None
            raise CheckpointError(
                f"{self._name(parameter)} has other values in {self.checkpoint.path} than in the "
                "model, so the model's own would be lost. Save the model and give that checkpoint."
            )
