"""The emulator as a runtime of Symbiote."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import DeviceError, MemoryUse, OperationFailure, Runtime
from symbiote_emulator import ttnn
from symbiote_emulator.device import Device
from symbiote_emulator.errors import EmulatorError, OutOfMemoryError
from symbiote_emulator.tensor import Tensor

_ARCHS = {
    "emulator": ttnn.Arch.WORMHOLE_B0,
    "emulator:wormhole_b0": ttnn.Arch.WORMHOLE_B0,
    "emulator:blackhole": ttnn.Arch.BLACKHOLE,
}


class EmulatorRuntime(Runtime):
    """TTNN on torch: right values on any machine."""

    name = "emulator"
    ttnn = ttnn
    tensor_type = Tensor

    def from_torch(self, tensor: torch.Tensor, device: Any) -> Any:
        """See `Runtime.from_torch`."""
        if tensor.is_floating_point():
            return ttnn.from_torch(
                tensor, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device
            )
        ids = tensor.to(torch.int64)
        return ttnn.from_torch(ids, dtype=ttnn.uint32, layout=ttnn.ROW_MAJOR_LAYOUT, device=device)

    def to_torch(self, tensor: Any) -> torch.Tensor:
        """See `Runtime.to_torch`."""
        host: torch.Tensor = ttnn.to_torch(tensor)
        return host

    def to_device(self, tensor: Any, device: Any) -> Any:
        """See `Runtime.to_device`."""
        return ttnn.to_device(tensor, device)

    def to_host(self, tensor: Any) -> Any:
        """See `Runtime.to_host`."""
        return ttnn.from_device(tensor)

    def deallocate(self, tensor: Any) -> None:
        """See `Runtime.deallocate`."""
        if tensor.is_allocated():
            ttnn.deallocate(tensor)

    def is_allocated(self, tensor: Any) -> bool:
        """See `Runtime.is_allocated`."""
        return bool(tensor.is_allocated())

    def memory(self, device: Any) -> MemoryUse:
        """See `Runtime.memory`."""
        dram = device.memory(ttnn.BufferType.DRAM)
        total = dram.banks * dram.bank_bytes
        return MemoryUse(total=total, allocated=dram.live_bytes, peak=dram.peak_bytes)

    def describe_error(self, error: Exception) -> OperationFailure:
        """See `Runtime.describe_error`."""
        if not isinstance(error, EmulatorError):
            return OperationFailure(None, f"{type(error).__name__}: {error}")
        reason = "out_of_memory" if isinstance(error, OutOfMemoryError) else "ttnn_error"
        message = " ".join(part for part in (error.info, error.do) if part)
        return OperationFailure(error.op, message, reason)

    def open(self, name: str) -> Device:
        """Open ``emulator``, ``emulator:wormhole_b0`` (the same) or ``emulator:blackhole``.

        Raises:
            DeviceError: for another name.
        """
        arch = _ARCHS.get(name)
        if arch is None:
            known = ", ".join(map(repr, _ARCHS))
            raise DeviceError(f"The emulator has no device {name!r}. Known are: {known}.")
        return ttnn.open_device(arch=arch)

    def close(self, device: Any) -> None:
        """See `Runtime.close`."""
        device.close()
