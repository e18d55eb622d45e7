"""Downloads: nothing leaves the device that the report does not show."""

from __future__ import annotations

from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_core import report


def downloads(case: Case) -> None:
    """The device counts as many downloads as the report does."""
    with case.swapped() as both:
        call = case.accepted(both, rows=2)
        both.answer(call)
        seen, shown = both.device.counters.downloads, report(both.model).traffic.downloads
        both.answer(call)
        seen = both.device.counters.downloads - seen
        shown = report(both.model).traffic.downloads - shown
        if seen != shown:
            raise ConformanceError(
                case.title,
                f"a call downloads {seen} tensors, of which the report shows {shown}",
                call,
                "Compute on the device; a download that has to be goes through "
                "self._symbiote.activity.download(runtime, tensor), which counts it.",
            )
