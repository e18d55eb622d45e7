"""The embedded default runtime: the part of the ``ttnn`` API that kernels use, on torch.

``from symbiote_emulator import ttnn`` gives the emulated module. Values are right to TTNN's dtypes
and block floats, and calls that TTNN refuses are refused.
"""

from __future__ import annotations

from symbiote_emulator import ttnn
from symbiote_emulator.device import Device
from symbiote_emulator.errors import (
    ArgumentMismatch,
    EmulatorError,
    NotEmulatedError,
    NotImitated,
    OperationRefused,
    OutOfMemoryError,
    RefusedOnPurpose,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.tensor import Tensor

__all__ = [
    "ArgumentMismatch",
    "Device",
    "EmulatorError",
    "NotEmulatedError",
    "NotImitated",
    "OperationRefused",
    "OutOfMemoryError",
    "RefusedOnPurpose",
    "Tensor",
    "WouldCrash",
    "WrongInTTNN",
    "ttnn",
]
