"""The table of aten handlers: which overload runs as which TTNN code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import torch

from symbiote_core.errors import AmbiguousKernelError


@attrs.frozen
class AtenHandler:
    """How one aten overload runs on the device.

    Attributes:
        overload: its name, such as ``aten.add.Tensor``.
        run: called with the operation's own arguments, where every `TorchTTNNTensor` is replaced
            by its device tensor and every other floating tensor is uploaded; returns a device
            tensor, a tuple of them, or NotImplemented to let torch do this call.
        plugin: the plugin's name; filled in when it is registered.
    """

    overload: str
    run: Callable[..., Any]
    plugin: str = ""

    def resolve(self) -> Any:
        """The torch overload object.

        Raises:
            ValueError: if this torch has no such overload.
        """
        namespace, _, rest = self.overload.partition(".")
        name, _, overload = rest.partition(".")
        packet = getattr(getattr(torch.ops, namespace, None), name, None)
        found = getattr(packet, overload or "default", None)
        if found is None:
            raise ValueError(
                f"torch {torch.__version__} has no operation {self.overload!r} (plugin "
                f"{self.plugin}). Name it as in torch.ops, for example 'aten.add.Tensor'."
            )
        return found


class HandlerTable:
    """Overload object to handler."""

    def __init__(self) -> None:
        self.by_overload: dict[Any, AtenHandler] = {}

    def add(self, handler: AtenHandler) -> None:
        """Add a handler.

        Raises:
            AmbiguousKernelError: if another plugin handles this overload already.
            ValueError: if the overload writes to its arguments.
        """
        overload = handler.resolve()
        if overload._schema.is_mutable:
            raise ValueError(
                f"{handler.overload} writes to its arguments (plugin {handler.plugin}). In-place "
                "operations run on the host copy; handle the form that returns a new tensor."
            )
        other = self.by_overload.get(overload)
        if other is not None:
            raise AmbiguousKernelError(
                f"Plugins {other.plugin!r} and {handler.plugin!r} both handle {handler.overload}. "
                "Block one of them with SYMBIOTE_PLUGINS.",
                (other.plugin, handler.plugin),
            )
        self.by_overload[overload] = handler
