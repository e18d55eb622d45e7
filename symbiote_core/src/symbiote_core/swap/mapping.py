"""The explicit way: a mapping of torch classes to kernels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from symbiote_core.module.ttnn_module import TTNNModule
from symbiote_core.swap.apply import apply
from symbiote_core.swap.plan import plan


def register_module_replacement_dict(
    model: nn.Module,
    old_class_to_new_class_dict: Mapping[type[nn.Module], type[TTNNModule]],
    model_config: Mapping[str, Any] | None = None,
    exclude_replacement: str | Iterable[str] = (),
) -> dict[str, TTNNModule]:
    """Replace every module of the given classes; call `set_device` next.

    Args:
        model: a torch model.
        old_class_to_new_class_dict: module class to kernel class; subclasses are not meant.
        model_config: passed to every kernel: weight dtype, activation dtype, math fidelity.
        exclude_replacement: paths or patterns to leave on torch.

    Returns:
        The swapped modules by path, also those of an earlier call.

    Raises:
        MappingError: for a key that is no module class or a value that is no TTNNModule.
        SelectionError: if an excluded pattern matches nothing.
        NothingReplacedError: if the model has no module of these classes.
        ReplacementError: if a kernel can't be built; the model is as it was.
    """
    todo = plan(model, old_class_to_new_class_dict, exclude=exclude_replacement)
    apply(todo, model, model_config)
    kernels = tuple(old_class_to_new_class_dict.values())
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, TTNNModule) and type(module) in kernels
    }
