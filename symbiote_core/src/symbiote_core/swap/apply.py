"""Applying a plan: all replacements or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from symbiote_core.errors import LifecycleError, MetaModelError, ReplacementError
from symbiote_core.module.ttnn_module import TTNNModule
from symbiote_core.swap.planned import Replacement, ReplacementPlan
from symbiote_core.swap.record import ATTRIBUTE, Applied, OutputBoundary, Swap, swap_of

Progress = Callable[[str, int, int, str], None]
"""Called with stage (``build``, ``convert``), how many are done, of how many, and where."""


def apply(
    plan: ReplacementPlan,
    model: nn.Module,
    model_config: Mapping[str, Any] | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    without_values: bool = False,
) -> Swap:
    """Swap the modules of ``model`` as planned. The weights stay in torch.

    Every replacement is built before the first is put in place, so that a failing ``from_torch``
    leaves the model as it was. A plan whose modules are swapped already changes nothing.

    Args:
        plan: from `symbiote_core.plan` for this very model.
        model: the model.
        model_config: passed to every kernel (``set_model_config``).
        strict: raise instead of falling back to torch.
        progress: called before each replacement is built, and at the end.
        without_values: take a model whose parameters have no values yet.

    Raises:
        ReplacementError: if a kernel can't be built, naming module, kernel, plugin and stage.
        MetaModelError: if parameters are on the meta device.
    """
    if not without_values:
        require_real_weights(model)
    built = []
    total = len(plan.replacements)
    for done, planned in enumerate(plan.replacements):
        if progress is not None:
            progress("build", done, total, planned.path)
        original = model.get_submodule(planned.path)
        if not isinstance(original, TTNNModule):
            built.append(
                Applied(planned, _build(planned, original, model_config, strict), original)
            )
    if progress is not None and total:
        progress("build", total, total, "")
    swap = swap_of(model) or Swap()
    for item in built:
        for path in item.planned.paths:
            parent, _, name = path.rpartition(".")
            model.get_submodule(parent)._modules[name] = item.module
    swap.applied += built
    if built:
        swap.policies.append((plan.policy, plan.plugin))
        swap.kept, swap.notes = plan.kept, plan.notes
    elif not swap.policies:
        swap.kept, swap.notes = plan.kept, plan.notes
    swap.link()
    for item in swap.applied:
        set_strict(item.module, strict or item.module._symbiote.strict)
    if swap.hook_id is None:
        swap.hook_id = model.register_forward_hook(OutputBoundary(swap.activity)).id
    model.__dict__[ATTRIBUTE] = swap
    return swap


def set_strict(module: TTNNModule, strict: bool) -> None:
    """Choose whether errors of ``module`` are raised."""
    module._symbiote.strict = strict


def _build(
    planned: Replacement, original: nn.Module, config: Mapping[str, Any] | None, strict: bool
) -> TTNNModule:
    stage = "from_torch"
    name, plugin = planned.kernel.name, planned.kernel.plugin
    try:
        module = planned.kernel.kernel_class().from_torch(original)
        if not isinstance(module, TTNNModule):
            raise LifecycleError(
                f"{name}.from_torch returned {type(module).__name__}; return an instance of {name}"
            )
        if module.torch_layer is None:
            module._fallback_torch_layer = original
        stage = "set_model_config"
        module.set_model_config(config)
    except Exception as error:  # whatever the author's code raises is told with its place
        raise ReplacementError(planned.path, name, stage, plugin, error) from error
    name_parts(module, planned.path, plugin)
    module._symbiote.strict = strict
    return module


def name_parts(module: TTNNModule, path: str, plugin: str) -> None:
    """Tell a kernel and its parts where they stand, for messages."""
    module._symbiote.path, module._symbiote.plugin = path, plugin
    for name, value in module._parts.items():
        parts = value if isinstance(value, tuple) else (value,)
        for index, part in enumerate(parts):
            suffix = f"{name}.{index}" if isinstance(value, tuple) else name
            name_parts(part, f"{path}.{suffix}", plugin)


def require_real_weights(model: nn.Module) -> None:
    """Raise MetaModelError if the model has parameters without values."""
    for name, tensor in model.named_parameters():
        if tensor.is_meta:
            raise MetaModelError(
                f"{type(model).__name__} has parameters on the meta device ({name}, for one), so "
                "there is nothing to convert. Load the weights first, for example with "
                "from_pretrained(...) without device_map='meta', or model.to_empty(device='cpu') "
                "and load_state_dict."
            )
