"""What a swapped module remembers: where its weights are and where it runs."""

from __future__ import annotations

import enum
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import torch

from symbiote_core.fallback import Activity, ModuleCalls
from symbiote_core.runtime.protocol import Runtime


class WeightState(enum.Enum):
    """Where the weights of a `TTNNModule` are; one step at a time, in this order."""

    TORCH = "torch"
    """Only in the torch layer."""
    HOST = "host"
    """Converted to TTNN's format, on the host."""
    DEVICE = "device"
    """Converted and on the device."""


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
        is_part: whether it is a part of another kernel, which looks after it.
        config: the ``model_config`` it was given.
        sources: the torch parameters and buffers that the weights came from: the dictionary that
            holds each, its key, the tensor and its version counter.
        stale: whether the torch weights changed in a way that the counters don't show.
        weight_names: the attributes that ``preprocess_weights_impl`` set to TTNN tensors.
        host_copies: host tensors kept so that freed weights need not be converted again.
        child_hooks: the forward-hook dictionaries of the torch layer's children.
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
    is_part: bool = False
    config: Mapping[str, Any] | None = None
    sources: tuple[tuple[dict[str, Any], str, torch.Tensor, int], ...] = ()
    stale: bool = False
    weight_names: tuple[str, ...] = ()
    host_copies: dict[str, Any] = attrs.Factory(dict)
    child_hooks: tuple[tuple[str, torch.nn.Module], ...] = ()
    checked_shapes: set[Any] = attrs.Factory(set)
    failures: dict[Any, int] = attrs.Factory(dict)
    peers: weakref.WeakSet[Any] = attrs.Factory(weakref.WeakSet)

    def is_stale(self) -> bool:
        """Whether the torch weights were replaced or written to since they were converted."""
        if self.stale:
            return True
        for holder, key, tensor, version in self.sources:
            if holder.get(key) is not tensor or tensor._version != version:
                return True
        return False


def sources_of(layer: torch.nn.Module) -> tuple[tuple[dict[str, Any], str, torch.Tensor, int], ...]:
    """The parameters and buffers below ``layer``, with their version counters.

    Tensors made in inference mode have no counter; they can't be written to outside of it, and a
    replaced one is seen by its identity only when it has one, so they are left out.
    """
    found = []
    for module in layer.modules():
        for holder in (module._parameters, module._buffers):
            for key, tensor in holder.items():
                if tensor is not None and not tensor.is_inference():
                    found.append((holder, key, tensor, tensor._version))
    return tuple(found)
