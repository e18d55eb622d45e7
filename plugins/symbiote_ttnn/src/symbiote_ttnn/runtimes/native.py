"""The runtime on the real TTNN: a chip, or whatever ``ttnn`` takes for one."""

from __future__ import annotations

import importlib
import re
from types import TracebackType
from typing import Any

import torch

from symbiote_core import DeviceError, MemoryUse, OperationFailure, Runtime

_INFO = re.compile(r"info:\s*(.*?)(?:\n\s*backtrace:|\Z)", re.DOTALL)
_NAMED = re.compile(r"(ttnn\.[\w.]+)\(\)")


def failed_operation(trace: TracebackType | None) -> str | None:
    """The innermost ``ttnn`` operation in a traceback, such as ``ttnn.linear``."""
    found = None
    while trace is not None:
        operation = trace.tb_frame.f_locals.get("self")
        name = getattr(type(operation), "__name__", "")
        if "Operation" in name:
            found = getattr(operation, "python_fully_qualified_name", found)
        trace = trace.tb_next
    return found


def ttnn_sentence(error: BaseException) -> str:
    """What TTNN says, without file, condition and backtrace, on one line."""
    text = str(error)
    match = _INFO.search(text)
    if match:
        text = match.group(1)
    return " ".join(text.partition("\nbacktrace:")[0].split())[:600]


class NativeRuntime(Runtime):
    """TTNN as installed, on a chip."""

    name = "native"

    def __init__(self) -> None:
        self.ttnn = importlib.import_module("ttnn")
        self.tensor_type = self.ttnn.Tensor

    def from_torch(self, tensor: torch.Tensor, device: Any) -> Any:
        """See `Runtime.from_torch`."""
        ttnn = self.ttnn
        if tensor.is_floating_point():
            return ttnn.from_torch(
                tensor.contiguous(), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device
            )
        ids = tensor.to(torch.int64).contiguous()
        return ttnn.from_torch(ids, dtype=ttnn.uint32, layout=ttnn.ROW_MAJOR_LAYOUT, device=device)

    def to_torch(self, tensor: Any) -> torch.Tensor:
        """See `Runtime.to_torch`."""
        host: torch.Tensor = self.ttnn.to_torch(tensor)
        return host

    def to_device(self, tensor: Any, device: Any) -> Any:
        """See `Runtime.to_device`."""
        return self.ttnn.to_device(tensor, device)

    def to_host(self, tensor: Any) -> Any:
        """See `Runtime.to_host`."""
        return self.ttnn.from_device(tensor)

    def deallocate(self, tensor: Any) -> None:
        """See `Runtime.deallocate`."""
        if tensor.is_allocated():
            self.ttnn.deallocate(tensor)

    def is_allocated(self, tensor: Any) -> bool:
        """See `Runtime.is_allocated`."""
        return bool(tensor.is_allocated())

    def memory(self, device: Any) -> MemoryUse:
        """See `Runtime.memory`; TTNN keeps no peak."""
        view = self.ttnn.get_memory_view(device, self.ttnn.BufferType.DRAM)
        banks = view.num_banks
        return MemoryUse(
            total=banks * view.total_bytes_per_bank,
            allocated=banks * view.total_bytes_allocated_per_bank,
        )

    def describe_error(self, error: Exception) -> OperationFailure:
        """See `Runtime.describe_error`."""
        message = ttnn_sentence(error)
        op = failed_operation(error.__traceback__)
        if op is None:
            named = _NAMED.search(message)
            op = named.group(1) if named else None
        reason = "out_of_memory" if "Out of Memory" in message else "ttnn_error"
        return OperationFailure(op, message or type(error).__name__, reason)

    def open(self, name: str) -> Any:
        """Open ``ttnn:N``.

        Raises:
            DeviceError: if there is no chip of that number, in TTNN's own words.
        """
        number = name.partition(":")[2] or "0"
        if not number.isdigit():
            raise DeviceError(
                f"{name!r} is no device of TTNN; use 'ttnn:0' for the first chip, or pass an open "
                "device or mesh of ttnn itself."
            )
        try:
            return self.ttnn.open_device(device_id=int(number))
        except Exception as error:  # TTNN raises RuntimeError and its own kinds
            raise DeviceError(
                f"TTNN could not open {name!r}: {ttnn_sentence(error)}. `symbiote doctor` lists "
                "the chips; without one use 'emulator' or 'mock:wormhole_b0'."
            ) from error

    def close(self, device: Any) -> None:
        """See `Runtime.close`."""
        self.ttnn.close_device(device)
