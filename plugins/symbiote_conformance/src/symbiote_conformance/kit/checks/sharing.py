"""Sharing: a module in two places is one kernel, and modules with tied weights are both right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.checks.state import require_state
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.preparing import other_weights
from symbiote_conformance.kit.swapped import Holder, Swapped
from symbiote_core import restore


class Both(Holder):
    """Calls the first module and the second one with the same arguments."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call both."""
        second = self.get_submodule("at1")
        return super().forward(*args, **kwargs), second(*args, **kwargs)


def sharing(case: Case) -> None:
    """Of a kernel: one module in two places, and two modules with the same parameters.

    Of a policy: its model with the same matrix in two modules, as tied embeddings have it.
    """
    if case.kernel is None:
        _tied(case, _tie_matrices, " of a model with tied matrices")
        return
    _shared(case)
    _tied(case, _tie, " of two modules with tied weights")


def _shared(case: Case) -> None:
    with case.swapped() as alone:
        call = case.accepted(alone)
        taken = _memory_of_weights(alone)
    with case.swapped(hold=lambda module: Both(module, module)) as both:
        if both.model.at0 is not both.model.at1:
            raise ConformanceError(case.title, "a module in two places became two kernels")
        _require_both(case, both, call, " of a module that stands in two places")
        twice = _memory_of_weights(both)
        if twice != taken:
            raise ConformanceError(
                case.title,
                f"a module in two places takes {twice} bytes of the device, and in one {taken}: it "
                "is converted twice",
            )
        restore(both.model)
        if both.model.at0 is not both.model.at1:
            raise ConformanceError(case.title, "restore made two modules of one in two places")


def _tied(case: Case, tie: Callable[[nn.Module], nn.Module], when: str) -> None:
    with case.swapped(hold=tie) as both:
        call = case.accepted(both)
        _require_both(case, both, call, when)
        require_state(case, both, both.original.state_dict(), when.lstrip())
        changed = other_weights(both.original, seed=2)
        both.original.load_state_dict(changed)
        both.model.load_state_dict(changed)
        _require_both(case, both, call, f"{when}, after load_state_dict")


def _tie_matrices(model: nn.Module) -> nn.Module:
    """The model, with the first matrix that there is another one of this shape in its place."""
    seen: dict[torch.Size, nn.Parameter] = {}
    for module in model.modules():
        for key, parameter in module._parameters.items():
            if parameter is None or parameter.ndim != 2:
                continue
            first = seen.setdefault(parameter.shape, parameter)
            if first is not parameter:
                module._parameters[key] = first
                return model
    return model


def _tie(module: nn.Module) -> nn.Module:
    """The module beside a copy of it that has the same parameters."""
    twin = copy.deepcopy(module)
    for name, parameter in module.named_parameters():
        owner, _, key = name.rpartition(".")
        twin.get_submodule(owner)._parameters[key] = parameter
    return Both(module, twin)


def _require_both(case: Case, both: Swapped, call: TorchCall, when: str) -> None:
    case.require_torchs(both, call, both.answer(call), when=when)


def _memory_of_weights(both: Swapped) -> int:
    empty = both.empty()
    for kernel in both.kernels:
        kernel.move_weights_to_device()
    return both.memory() - empty
