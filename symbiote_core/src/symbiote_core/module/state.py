"""What a swapped module remembers: where its weights are and where it runs."""

from __future__ import annotations

import enum
import itertools
import operator
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import torch
from torch.utils.hooks import RemovableHandle

from symbiote_core.fallback import Activity, ModuleCalls
from symbiote_core.module.released import Released, ReleasedParameter
from symbiote_core.runtime.protocol import Runtime


class WeightState(enum.Enum):
    """Where the weights of a `TTNNModule` are; one step at a time, in this order."""

    TORCH = "torch"
    """Only in the torch layer."""
    HOST = "host"
    """Converted to TTNN's format, on the host."""
    DEVICE = "device"
    """Converted and on the device."""


_version = operator.attrgetter("_version")
_FORWARD = itertools.repeat("forward")


@attrs.frozen(eq=False)
class Sources:
    """The torch parameters and buffers that converted weights came from, as columns.

    Looking through columns costs a third of what looking through rows does, and every call of a
    swapped module looks.

    Attributes:
        holders: the dictionary that each stands in.
        keys: its key there.
        tensors: the tensor.
        counted: those of them that count their in-place writes: they have values.
        versions: the counters.
    """

    holders: tuple[dict[str, Any], ...] = ()
    keys: tuple[str, ...] = ()
    tensors: tuple[torch.Tensor, ...] = ()
    counted: tuple[torch.Tensor, ...] = ()
    versions: tuple[int, ...] = ()

    @classmethod
    def of(cls, layer: torch.nn.Module) -> Sources:
        """Those below ``layer``.

        Tensors made in inference mode have no counter; they can't be written to outside of it, and
        a replaced one is seen by its identity only when it has one, so they are left out.
        """
        rows = [
            (holder, key, tensor)
            for module in layer.modules()
            for holder in (module._parameters, module._buffers)
            for key, tensor in holder.items()
            if tensor is not None and not tensor.is_inference()
        ]
        if not rows:
            return cls()
        holders, keys, tensors = zip(*rows, strict=True)
        counted = tuple(t for t in tensors if type(t) is not ReleasedParameter)
        return cls(holders, keys, tensors, counted, tuple(map(_version, counted)))

    def changed(self) -> bool:
        """Whether any was replaced or written to since."""
        try:
            held = map(operator.getitem, self.holders, self.keys)
            if not all(map(operator.is_, held, self.tensors)):
                return True
        except KeyError:
            return True
        return tuple(map(_version, self.counted)) != self.versions


@attrs.define(eq=False)
class ModuleState:
    """Everything the base class keeps, in one object beside the author's attributes.

    Attributes:
        mode: the run mode, a function chosen once; see `symbiote_core.module.modes`.
        weights: where the weights are.
        path: the module's path in the model, for messages.
        plugin: the plugin that brought the kernel.
        device: the device, or None before `set_device`.
        runtime: the device's runtime.
        converted_by: the runtime whose tensors the converted weights are.
        activity: the counters of the model that this module is part of.
        calls: the counters of this module.
        dtype: the torch dtype that outputs show when no floating input tells it.
        strict: whether an error is raised instead of falling back.
        frees: whether the device memory of the weights is freed after each call.
        is_part: whether it is a part of another kernel, which looks after it.
        config: the ``model_config`` it was given.
        released: the torch parameters that were let go, or None.
        sources: the torch parameters and buffers that the weights came from.
        stale: whether the torch weights changed in a way that the counters don't show.
        weight_names: the attributes that ``preprocess_weights_impl`` set to TTNN tensors.
        host_copies: host tensors kept so that freed weights need not be converted again.
        children: the torch layer's children by name, whose hooks are watched.
        hook_tables: their dictionaries of forward hooks.
        instance_tables: their instance dictionaries, where a replaced ``forward`` would be.
        hooks_made: how many hooks torch had made when none was found in the tables; -1 if one was.
        checked_shapes: input shapes for which the output's shape was seen to be right.
        failures: how often each cause failed here.
        peers: the other swapped modules of the model, for freeing memory.
    """

    mode: Callable[..., Any]
    weights: WeightState = WeightState.TORCH
    path: str = ""
    plugin: str = ""
    device: Any = None
    runtime: Runtime | None = None
    converted_by: Runtime | None = None
    activity: Activity = attrs.Factory(Activity)
    calls: ModuleCalls = attrs.Factory(ModuleCalls)
    dtype: torch.dtype = torch.float32
    strict: bool = False
    frees: bool = False
    is_part: bool = False
    config: Mapping[str, Any] | None = None
    released: Released | None = None
    sources: Sources = attrs.Factory(Sources)
    stale: bool = False
    weight_names: tuple[str, ...] = ()
    host_copies: dict[str, Any] = attrs.Factory(dict)
    children: tuple[tuple[str, torch.nn.Module], ...] = ()
    hook_tables: tuple[Mapping[int, Any], ...] = ()
    instance_tables: tuple[Mapping[str, Any], ...] = ()
    hooks_made: int = -1
    checked_shapes: set[Any] = attrs.Factory(set)
    failures: dict[Any, int] = attrs.Factory(dict)
    peers: weakref.WeakSet[Any] = attrs.Factory(weakref.WeakSet)

    def is_stale(self) -> bool:
        """Whether the torch weights were replaced or written to since they were converted."""
        return self.stale or self.sources.changed()

    def watch(self, children: Iterable[tuple[str, torch.nn.Module]]) -> None:
        """Watch the hooks of these modules."""
        self.children = tuple(children)
        self.hook_tables = tuple(
            table
            for _, child in self.children
            for table in (child._forward_hooks, child._forward_pre_hooks)
        )
        self.instance_tables = tuple(child.__dict__ for _, child in self.children)
        self.hooks_made = -1

    def is_hooked(self) -> bool:
        """Whether a child has a forward hook, idle ones included, or a ``forward`` of its own."""
        made = RemovableHandle.next_id  # torch counts the hooks it makes, of all modules
        if made != self.hooks_made:
            if any(self.hook_tables):
                return True
            self.hooks_made = made
        return any(map(operator.contains, self.instance_tables, _FORWARD))
