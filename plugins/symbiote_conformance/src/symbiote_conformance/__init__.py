"""The conformance kit: whether a runtime, a kernel or a policy does what TTNN and torch do.

Calls are data (`Call`), so that the same one can be run on any runtime (`Bench`), on a mock chip in
a process of its own (`Worker`), or read from recorded answers (`symbiote_conformance.oracle`).
`symbiote_conformance.strategies` generates them with hypothesis.

Kernels and policies of a plugin are judged by `KernelConformance` and `PolicyConformance`, or by
``pytest --symbiote-conformance PLUGIN``; see `symbiote_conformance.kit`.
"""

from __future__ import annotations

from symbiote_conformance.build import Builder, constant_data, torch_dtype
from symbiote_conformance.calls import Call, Outcome, Status
from symbiote_conformance.closeness import Closeness, Measured, measure
from symbiote_conformance.compare import Agreement, compare
from symbiote_conformance.differences import Difference, as_markdown
from symbiote_conformance.goldens import Golden, golden_of, random_data
from symbiote_conformance.kit import (
    ConformanceError,
    KernelConformance,
    ModelSubject,
    PolicyConformance,
    Subject,
    TorchCall,
    takes,
)
from symbiote_conformance.parity import Judgement, Parity
from symbiote_conformance.running import Bench, describe, memory_text
from symbiote_conformance.values import Compared, compare_values
from symbiote_conformance.workers import Worker, WorkerError

__all__ = [
    "Agreement",
    "Bench",
    "Builder",
    "Call",
    "Closeness",
    "Compared",
    "ConformanceError",
    "Difference",
    "Golden",
    "Judgement",
    "KernelConformance",
    "Measured",
    "ModelSubject",
    "Outcome",
    "Parity",
    "PolicyConformance",
    "Status",
    "Subject",
    "TorchCall",
    "Worker",
    "WorkerError",
    "as_markdown",
    "compare",
    "compare_values",
    "constant_data",
    "describe",
    "golden_of",
    "measure",
    "memory_text",
    "random_data",
    "takes",
    "torch_dtype",
]
