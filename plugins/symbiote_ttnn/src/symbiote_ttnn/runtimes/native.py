"""The runtime on the real TTNN: a chip, or whatever ``ttnn`` takes for one."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from types import TracebackType
from typing import Any

import attrs
import torch

from symbiote_core import DeviceError, MemoryUse, OperationFailure, Runtime
from symbiote_ttnn.freed import living
from symbiote_ttnn.runtimes.folder import mock_folders
from symbiote_ttnn.runtimes.process import PROCESS, set_log_level

_INFO = re.compile(r"info:\s*(.*?)(?:\n\s*backtrace:|\Z)", re.DOTALL)
_FREE_NOW = re.compile(r" \(allocated: [^)]*\)")
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
    """What TTNN says, without file, condition and backtrace, on one line.

    The bytes that were free at that moment are left out too: a failure that repeats is one cause.
    """
    text = str(error)
    match = _INFO.search(text)
    if match:
        text = match.group(1)
    text = " ".join(text.partition("\nbacktrace:")[0].split())
    return _FREE_NOW.sub("", text)[:600]


@attrs.define
class _Held:
    """A device that was opened by name, and how many times."""

    device: Any
    holders: int = 1


class NativeRuntime(Runtime):
    """TTNN as installed, on a chip or a mesh of them.

    What goes up to a mesh is replicated, weights and inputs alike, as TTNN does without a mapper:
    every chip computes the same, and what comes down is taken from the first one.
    """

    name = "native"

    def __init__(self) -> None:
        set_log_level()
        self.ttnn = importlib.import_module("ttnn")
        self.tensor_type = self.ttnn.Tensor
        self._held: dict[str, _Held] = {}

    def owns(self, device: Any) -> bool:
        """See `Runtime.owns`: TTNN's devices are all of one class, mocks or not.

        An open one that is no mock settles this process on chips, whoever opened it.
        """
        if PROCESS.is_mocked:
            return False
        PROCESS.chips = True
        return True

    def from_torch(self, tensor: torch.Tensor, device: Any) -> Any:
        """See `Runtime.from_torch`."""
        ttnn = self.ttnn
        if tensor.is_floating_point():
            # Torch rounds to the same values several times as fast as TTNN does.
            rounded = tensor.to(torch.bfloat16).contiguous()
            return ttnn.from_torch(
                rounded, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device
            )
        ids = tensor.to(torch.int64).contiguous()
        return ttnn.from_torch(ids, dtype=ttnn.uint32, layout=ttnn.ROW_MAJOR_LAYOUT, device=device)

    def to_torch(self, tensor: Any) -> torch.Tensor:
        """See `Runtime.to_torch`; of a replicated tensor, the first chip's.

        Raises:
            DeviceError: for a tensor that is sharded over a mesh.
        """
        living(tensor, "ttnn.to_torch")
        shards = self.ttnn.get_device_tensors(tensor)
        if len(shards) > 1:
            topology = tensor.tensor_topology()
            split = [p for p in topology.placements() if "Replicate" not in type(p).__name__]
            if split:
                raise DeviceError(
                    f"The tensor is sharded over {len(shards)} chips ({split[0]}): none holds all "
                    "of it. Gather it in the kernel with ttnn.all_gather, or download it with "
                    "ttnn.to_torch(tensor, mesh_composer=...)."
                )
            tensor = shards[0]
        host: torch.Tensor = self.ttnn.to_torch(tensor)
        return host

    def to_device(self, tensor: Any, device: Any) -> Any:
        """See `Runtime.to_device`."""
        return self.ttnn.to_device(tensor, device)

    def to_host(self, tensor: Any) -> Any:
        """See `Runtime.to_host`."""
        return self.ttnn.from_device(living(tensor, "ttnn.from_device"))

    def deallocate(self, tensor: Any) -> None:
        """See `Runtime.deallocate`."""
        if tensor.is_allocated():
            self.ttnn.deallocate(tensor)

    def is_allocated(self, tensor: Any) -> bool:
        """See `Runtime.is_allocated`."""
        return bool(tensor.is_allocated())

    def memory(self, device: Any) -> MemoryUse:
        """See `Runtime.memory`; of one chip of a mesh, and TTNN keeps no peak."""
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
        """Open ``ttnn:N``; see `_open_once` for one that is open.

        Raises:
            DeviceError: if there is no chip of that number, in TTNN's own words.
        """
        number = name.partition(":")[2] or "0"
        if not number.isdigit():
            raise DeviceError(
                f"{name!r} is no device of TTNN; use 'ttnn:0' for the first chip, or pass an open "
                "device or mesh of ttnn itself."
            )
        PROCESS.settle_on_chips(mock_folders())
        device = self._open_once(
            f"ttnn:{int(number)}",
            lambda: self.ttnn.open_device(device_id=int(number)),
            " `symbiote doctor` lists the chips; without one use 'emulator' or 'mock:wormhole_b0'.",
        )
        PROCESS.chips = True
        return device

    def _open_once(self, name: str, opener: Callable[[], Any], advice: str = "") -> Any:
        """Open a device, or give the one that is open under this name to another holder.

        TTNN would open a chip a second time with an allocator that knows nothing of the first one,
        and close both at once.
        """
        held = self._held.get(name)
        if held is not None and self._is_open(held.device):
            held.holders += 1
            return held.device
        try:
            device = opener()
        except Exception as error:  # TTNN raises RuntimeError and its own kinds
            raise DeviceError(
                f"TTNN could not open {name!r}: {ttnn_sentence(error).removesuffix('.')}.{advice}"
            ) from error
        self._held[name] = _Held(device)
        return device

    def _is_open(self, device: Any) -> bool:
        try:
            self.memory(device)
        except Exception:  # TTNN has no other way to ask
            return False
        return True

    def close(self, device: Any) -> None:
        """See `Runtime.close`; a device that was opened by name more than once stays for the rest.

        A mesh is closed as one.
        """
        for name, held in self._held.items():
            if held.device is device:
                held.holders -= 1
                if held.holders:
                    return
                del self._held[name]
                break
        if device.get_num_devices() > 1:
            self.ttnn.close_mesh_device(device)
        else:
            self.ttnn.close_device(device)
