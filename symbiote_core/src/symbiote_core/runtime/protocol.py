"""What a runtime is: the place where ``ttnn`` calls run.

A runtime is brought by a plugin as a `RuntimeSpec`; core never imports one by itself.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import torch

REASON_ERROR = "ttnn_error"
REASON_OUT_OF_MEMORY = "out_of_memory"
REASON_UNSUPPORTED = "unsupported_input"


@attrs.frozen
class OperationFailure:
    """A failed call in a runtime's own words.

    Attributes:
        op: the operation, such as ``ttnn.linear``, or None where it can't be told.
        message: the text without backtrace.
        reason: ``ttnn_error``, ``out_of_memory`` or ``unsupported_input``.
    """

    op: str | None
    message: str
    reason: str = REASON_ERROR


@attrs.frozen
class MemoryUse:
    """Device memory in bytes.

    Attributes:
        total: what the device has.
        allocated: what is in use now.
        peak: the most that was in use at once, or None where the runtime can't tell.
    """

    total: int
    allocated: int
    peak: int | None = None


class Runtime(abc.ABC):
    """One place where ``ttnn`` runs: its module, its tensors and its devices.

    Attributes:
        name: ``emulator``, ``mock`` or ``native``.
        ttnn: the module that kernels see as ``ttnn``.
        tensor_type: the class of its tensors.
    """

    name: str
    ttnn: Any
    tensor_type: type[Any]

    @abc.abstractmethod
    def from_torch(self, tensor: torch.Tensor, device: Any) -> Any:
        """Upload ``tensor`` (any shape) with this runtime's defaults.

        Floating tensors become bfloat16 in TILE layout, integers UINT32 in ROW_MAJOR layout.
        """

    @abc.abstractmethod
    def to_torch(self, tensor: Any) -> torch.Tensor:
        """Download ``tensor``: a torch tensor of its logical shape on the CPU."""

    @abc.abstractmethod
    def to_device(self, tensor: Any, device: Any) -> Any:
        """Move a host tensor of this runtime to ``device``."""

    @abc.abstractmethod
    def to_host(self, tensor: Any) -> Any:
        """Copy a device tensor to the host, staying in this runtime's format."""

    @abc.abstractmethod
    def deallocate(self, tensor: Any) -> None:
        """Free the device memory of ``tensor``; nothing happens if it is free already."""

    @abc.abstractmethod
    def is_allocated(self, tensor: Any) -> bool:
        """Whether ``tensor`` still has its memory."""

    def is_tensor(self, value: object) -> bool:
        """Whether ``value`` is a tensor of this runtime."""
        return isinstance(value, self.tensor_type)

    def owns(self, device: Any) -> bool:
        """Whether ``device``, of a class of its ``device_module``, is this runtime's own.

        Override it where several runtimes share the module.
        """
        return True

    @abc.abstractmethod
    def memory(self, device: Any) -> MemoryUse:
        """The device's DRAM: total and in use, in bytes."""

    @abc.abstractmethod
    def describe_error(self, error: Exception) -> OperationFailure:
        """Tell in the runtime's own words what failed."""

    @abc.abstractmethod
    def open(self, name: str) -> Any:
        """Open the device with this device string.

        Raises:
            DeviceError: if there is no such device, saying which there are.
        """

    @abc.abstractmethod
    def close(self, device: Any) -> None:
        """Close ``device``; nothing happens if it is closed already."""


@attrs.frozen
class RuntimeSpec:
    """A runtime as its plugin registers it; nothing is imported before it is used.

    Attributes:
        name: the runtime's name.
        scheme: what its device strings start with, up to the first colon.
        examples: device strings to show in messages.
        load: makes the runtime; called once.
        unavailable: why it can't be used here, or None if it can. Must be cheap.
        chips: device strings of the chips that this machine has. Must be cheap.
        device_module: the top-level module of its device objects' class, so that an open device
            finds its runtime.
        plugin: the plugin's name; filled in when it is registered.
    """

    name: str
    scheme: str
    examples: tuple[str, ...]
    load: Callable[[], Runtime]
    unavailable: Callable[[], str | None]
    chips: Callable[[], Sequence[str]]
    device_module: str
    plugin: str = ""
