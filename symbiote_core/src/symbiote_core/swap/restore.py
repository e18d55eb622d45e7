"""Undoing a swap: the very same torch modules, in their very same places."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from symbiote_core.errors import RestoreError
from symbiote_core.swap.record import ATTRIBUTE, Applied, Swap, swap_of


def restore(model: nn.Module) -> int:
    """Put the torch modules of a swapped model back and free the device memory.

    Hooks, parameters and children are those that the modules had, with what was changed on them
    while they were swapped. A model that was not swapped is left alone.

    Returns:
        How many modules were put back.

    Raises:
        RestoreError: if somebody replaced a swapped module since; nothing is changed then.
        ReleasedWeightsError: if torch weights were let go without a checkpoint.
    """
    swap = swap_of(model)
    if swap is None:
        return 0
    return take_back(model, swap, swap.applied)


def take_back(model: nn.Module, swap: Swap, items: Sequence[Applied]) -> int:
    """Undo some of a swap's replacements; with the last of them the swap is gone.

    Returns:
        How many modules were put back.

    Raises:
        RestoreError: if somebody replaced a swapped module since; nothing is changed then.
    """
    places: list[tuple[nn.Module, str, nn.Module]] = []
    for item in items:
        for path in item.planned.paths:
            parent_path, _, name = path.rpartition(".")
            try:
                parent = model.get_submodule(parent_path)
                held = parent._modules.get(name)
            except AttributeError:  # the parent itself is gone
                held = None
            if held is not item.module:
                raise RestoreError(
                    f"{path!r} no longer holds the {type(item.module).__name__} that was put "
                    "there, so the swap can't be undone. Put it back, or load the model anew."
                )
            places.append((parent, name, item.original))
    released = [item.module._symbiote.released for item in items]
    for gone_values in filter(None, released):
        gone_values.bring()  # while nothing is changed yet: it may fail
    for item in items:
        item.module._symbiote.released = None
    for parent, name, original in places:
        parent._modules[name] = original
    gone = {id(item) for item in items}
    swap.applied = [item for item in swap.applied if id(item) not in gone]
    swap.link()
    if not swap.applied:
        if swap.hook_id is not None:
            model._forward_hooks.pop(swap.hook_id, None)
        del model.__dict__[ATTRIBUTE]
    for item in items:  # last, because a kernel's own code runs
        item.original.training = item.module.training
        item.module.deallocate_weights()
    return len(items)
