"""Restore: the very same modules are put back, as they were."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.comparing import require_equal
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.swapped import plain
from symbiote_core import TTNNModule, restore


def restoring(case: Case) -> None:
    """After calls, `symbiote_core.restore` leaves no trace: on the device, nor in the model."""
    seen: dict[str, Any] = {}

    def hold(module: nn.Module) -> nn.Module:
        model = case.held(module)
        seen.update(_anatomy(model))
        return model

    with case.swapped(hold=hold) as both:
        call = case.accepted(both)
        golden = both.golden(call)
        empty = both.empty()
        count = len(both.kernels)
        both.answer(call)
        back = restore(both.model)
        if back != count:
            raise ConformanceError(case.title, f"restore put back {back} of {count} modules")
        for name, module in both.model.named_modules():
            if TTNNModule in type(module).__mro__:
                raise ConformanceError(case.title, f"restore leaves a kernel at {name!r}")
        found = _anatomy(both.model)
        if list(found) != list(seen):
            raise ConformanceError(case.title, "restore changes what the modules are called")
        for name, parts in seen.items():
            if parts != found[name]:
                raise ConformanceError(
                    case.title,
                    f"after restore {name or 'the model'!r} is not what it was: another module, "
                    "or other parameters, buffers or hooks",
                )
        if any(module.training for module in both.model.modules()):
            raise ConformanceError(case.title, "restore leaves a module in training mode")
        left = both.memory() - empty
        if left > 0:
            raise ConformanceError(case.title, f"restore leaves {left} bytes on the device", call)
        with torch.no_grad():
            args, kwargs = call.tensors()
            again = plain(both.model(*args, **kwargs))
        require_equal(case.title, golden, again, call, " after restore")
        if restore(both.model) != 0:
            raise ConformanceError(case.title, "restore finds something to do the second time")


def _anatomy(model: nn.Module) -> dict[str, Any]:
    """What every module is, by path: itself, its tensors and its hooks."""
    return {
        name: (
            id(module),
            type(module),
            [(key, id(value)) for key, value in module._parameters.items()],
            [(key, id(value)) for key, value in module._buffers.items()],
            [id(hook) for hook in module._forward_hooks.values()],
            [id(hook) for hook in module._forward_pre_hooks.values()],
        )
        for name, module in model.named_modules()
    }
