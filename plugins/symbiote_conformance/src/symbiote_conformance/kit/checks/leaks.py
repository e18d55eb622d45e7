"""Leaks: calls leave nothing on the device."""

from __future__ import annotations

from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.failures import ConformanceError

CALLS = 5
"""How many calls may not leave more than the ones before them did."""


def leaks(case: Case) -> None:
    """Memory in use after some calls is what it was before them."""
    with case.swapped() as both:
        call = case.accepted(both)
        both.answer(call)  # the first ones may fill caches
        before = both.memory()
        for _ in range(CALLS):
            both.answer(call)
        left = both.memory() - before
        if left > 0:
            raise ConformanceError(
                case.title,
                f"{CALLS} calls leave {left} bytes on the device, {left // CALLS} each",
                call,
                "A tensor that is kept in an attribute or a list lives until it is let go.",
            )
