"""Acceptance: TTNN itself takes every call, on a mock chip."""

from __future__ import annotations

from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.comparing import pairs
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.swapped import RefusedError


def accepted(case: Case, chip: str) -> None:
    """Calls of many shapes, strictly, in the process of that chip; values are zeros there.

    Args:
        case: what is judged.
        chip: a device string, such as ``mock:wormhole_b0``.
    """
    refusals: list[str] = []
    count = 0
    with case.swapped(device=chip) as both:

        def holds(call: TorchCall) -> None:
            nonlocal count
            try:
                answer = both.answer(call)
            except RefusedError as refused:
                refusals.append(str(refused))
                return
            except ConformanceError as error:
                problem = f"on {chip} {error.problem}"
                raise ConformanceError(case.title, problem, call) from error.__cause__
            count += 1
            golden = both.golden(call)
            for _ in pairs(case.title, golden, answer, call, case.returns_everything):
                pass  # structure, shapes and dtypes

        # A new shape is a new program, which takes TTNN longer than the emulator takes for values.
        case.explore(holds, max(3, case.examples // 3))
        both.device.clear_program_cache()
    if not count:
        raise case.refused(refusals[0])
