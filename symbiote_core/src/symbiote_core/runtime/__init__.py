"""Runtimes: where ``ttnn`` runs, which one is active, and opening devices."""

from symbiote_core.runtime.active import LateBoundModule, activate, active_runtime, use_runtime
from symbiote_core.runtime.devices import close_device, open_device, runtime_named, runtime_of
from symbiote_core.runtime.protocol import MemoryUse, OperationFailure, Runtime, RuntimeSpec

__all__ = [
    "LateBoundModule",
    "MemoryUse",
    "OperationFailure",
    "Runtime",
    "RuntimeSpec",
    "activate",
    "active_runtime",
    "close_device",
    "open_device",
    "runtime_named",
    "runtime_of",
    "use_runtime",
]
