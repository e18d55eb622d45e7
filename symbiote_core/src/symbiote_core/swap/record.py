"""What a swapped model remembers of its swap."""

from __future__ import annotations

import weakref
from collections.abc import MutableMapping
from typing import Any

import attrs
from torch import nn

from symbiote_core.fallback import Activity
from symbiote_core.module.ttnn_module import TTNNModule
from symbiote_core.structure import map_leaves
from symbiote_core.swap.planned import Kept, Replacement
from symbiote_core.tensor.wrapper import TorchTTNNTensor

ATTRIBUTE = "_symbiote_swap"
"""The attribute of the model that holds its `Swap`."""


@attrs.define(eq=False)
class OutputBoundary:
    """A forward hook of the whole model: counts forwards and hands out plain torch tensors."""

    activity: Activity

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        """Download what is still on the device."""
        del module, args
        self.activity.forwards += 1
        if not isinstance(output, MutableMapping):
            return map_leaves(_plain, output)
        for key, value in output.items():  # in place: a copy of a ModelOutput costs 40 us
            plain = map_leaves(_plain, value)
            if plain is not value:
                output[key] = plain
        return output


def _plain(leaf: Any) -> Any:
    return leaf.to_torch if isinstance(leaf, TorchTTNNTensor) else leaf


@attrs.define(eq=False)
class Applied:
    """One replacement that took place.

    Attributes:
        planned: what the plan said.
        module: the replacement.
        original: the torch module that stood there.
    """

    planned: Replacement
    module: TTNNModule
    original: nn.Module


@attrs.define(eq=False)
class Swap:
    """The swap of one model; `restore` undoes it.

    Attributes:
        policies: the policies applied, with the plugins that brought them.
        applied: the replacements.
        kept: what stayed on torch, of the latest plan.
        notes: what the user should know.
        activity: the counters of the model.
        hook_id: the key of the `OutputBoundary` in the model's forward hooks.
        device_name: what to call the device in reports.
        seconds: how long swapping and converting took.
    """

    policies: list[tuple[str, str]] = attrs.Factory(list)
    applied: list[Applied] = attrs.Factory(list)
    kept: tuple[Kept, ...] = ()
    notes: tuple[str, ...] = ()
    activity: Activity = attrs.Factory(Activity)
    hook_id: int | None = None
    device_name: str = ""
    seconds: float = 0.0

    @property
    def modules(self) -> list[TTNNModule]:
        """The replacements, in the model's order."""
        return [a.module for a in self.applied]

    def __reduce__(self) -> Any:
        """Copy and pickle by the fields; the copied modules then count in the copied counters."""
        values = tuple(getattr(self, field.name) for field in attrs.fields(type(self)))
        return (_linked, values)

    def link(self) -> None:
        """Tell every replacement of its counters and its peers."""
        peers = weakref.WeakSet(self.modules)
        for module in self.modules:
            share(module, self.activity, peers)


def _linked(*values: Any) -> Swap:
    swap = Swap(*values)
    swap.link()
    return swap


def share(module: TTNNModule, activity: Activity, peers: weakref.WeakSet[Any]) -> None:
    """Give a module and its parts the counters of the model."""
    module._symbiote.activity = activity
    module._symbiote.peers = peers
    for part in module.ttnn_parts():
        share(part, activity, peers)


def swap_of(model: nn.Module) -> Swap | None:
    """The swap of ``model``, or None if it was not swapped."""
    found = model.__dict__.get(ATTRIBUTE)
    assert found is None or isinstance(found, Swap)
    return found
