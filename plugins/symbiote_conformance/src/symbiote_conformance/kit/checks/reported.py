"""Report: every kernel of the plan runs, and nothing steps back to torch."""

from __future__ import annotations

from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_core import report


def reported(case: Case) -> None:
    """A forward that is not strict calls every swapped module on the device."""
    with case.swapped(strict=False) as both:
        both.answer(case.samples[-1])
        told = report(both.model)
        if told.fallbacks:
            cause = told.fallbacks[0].cause
            raise ConformanceError(
                case.title,
                f"{told.fallback_count} calls of kernels ran on torch, for one {cause.kernel}: "
                f"{cause.message}",
                case.samples[-1],
            )
        idle = [m for m in told.modules if not m.calls]
        if idle:
            names = ", ".join(f"{m.kernel} at {m.paths[0]!r}" for m in idle)
            raise ConformanceError(
                case.title,
                f"a forward calls none of these kernels: {names}",
                case.samples[-1],
                "Give a ModelSubject whose inputs reach them, or do not replace them.",
            )
