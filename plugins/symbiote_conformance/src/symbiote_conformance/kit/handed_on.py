"""Inputs that are on the device already, as a kernel before this one hands them on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import attrs
import torch

from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.swapped import Swapped
from symbiote_core import TorchTTNNTensor

KEEP = "Others may use the input after it, such as a residual, and torch if the kernel fails."


@attrs.define(eq=False)
class HandedOn:
    """A call some of whose tensors are on the device.

    Attributes:
        args: positional arguments.
        kwargs: keyword arguments.
        held: those on the device.
        before: their values.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    held: list[TorchTTNNTensor]
    before: list[torch.Tensor]

    @classmethod
    def of(cls, both: Swapped, call: TorchCall) -> HandedOn | None:
        """The call with the tensors on the device that may be there; None if none may."""
        args, kwargs = call.tensors()
        named: Iterator[tuple[int | str, Any]] = chain(enumerate(args), kwargs.items())
        held = {
            name: _on_device(both, tensor)
            for name, tensor in named
            if _is_uploaded_as_it_is(both, tensor, name)
        }
        if not held:
            return None
        return cls(
            tuple(held.get(index, arg) for index, arg in enumerate(args)),
            {key: held.get(key, arg) for key, arg in kwargs.items()},
            list(held.values()),
            [both.runtime.to_torch(tensor.to_ttnn) for tensor in held.values()],
        )

    def require_untouched(self, both: Swapped, call: TorchCall) -> None:
        """Raise `ConformanceError` unless the inputs are what they were."""
        for tensor, value in zip(self.held, self.before, strict=True):
            if not both.runtime.is_allocated(tensor.to_ttnn):
                raise ConformanceError(both.title, "it frees its input", call, KEEP)
            if not torch.equal(both.runtime.to_torch(tensor.to_ttnn), value):
                raise ConformanceError(both.title, "it writes to its input", call, KEEP)


def _on_device(both: Swapped, tensor: torch.Tensor) -> TorchTTNNTensor:
    raw = both.runtime.from_torch(tensor, both.device)
    return TorchTTNNTensor(raw, tensor.dtype, both.runtime, both.device)


def _is_uploaded_as_it_is(both: Swapped, tensor: Any, position: int | str) -> bool:
    """Whether a kernel before this one may hand on such a tensor on the device.

    Not where the kernel looks at the values first, or uploads them as something else.
    """
    if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
        return False
    uploaded = both.kernels[0].upload_input(tensor, position)
    if not both.runtime.is_tensor(uploaded) or tuple(uploaded.shape) != tuple(tensor.shape):
        return False
    usual = both.runtime.from_torch(tensor, both.device)
    return bool(uploaded.dtype == usual.dtype and uploaded.layout == usual.layout)
