"""Checking a model on a mock chip: what TTNN takes, what it refuses, and what it costs."""

from symbiote_ttnn.check.checking import check_model
from symbiote_ttnn.check.records import (
    CheckReport,
    Forward,
    ForwardCheck,
    MemoryCheck,
    Misfit,
    ModuleCheck,
    OperationOnTorch,
    Refusal,
)

__all__ = [
    "CheckReport",
    "Forward",
    "ForwardCheck",
    "MemoryCheck",
    "Misfit",
    "ModuleCheck",
    "OperationOnTorch",
    "Refusal",
    "check_model",
]
