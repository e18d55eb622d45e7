"""Comparing what a runtime does with what TTNN does."""

from __future__ import annotations

from enum import Enum

from symbiote_conformance.calls import Outcome, Status


class Agreement(Enum):
    """How the answers to one call compare."""

    AGREE = "agree"
    ACCEPTED = "accepted, TTNN refuses"
    REFUSED = "refused, TTNN accepts"
    ON_PURPOSE = "refused, TTNN's answer is wrong"
    WRONG_SPEC = "wrong spec"
    ABSENT = "not there"
    UNKNOWN = "operands could not be built"


def compare(here: Outcome, ttnn: Outcome) -> Agreement:
    """Status first, then the output specification.

    A refusal and a crash are the same answer: where TTNN kills the process, a runtime refuses. A
    call whose operands TTNN could not build says nothing; operands that only this runtime can't
    build are a refusal.

    Args:
        here: of the runtime that is judged.
        ttnn: TTNN's.
    """
    if ttnn.status is Status.SETUP:
        return Agreement.UNKNOWN
    if here.status is not Status.OK:
        return Agreement.REFUSED if ttnn.status is Status.OK else Agreement.AGREE
    if ttnn.status is not Status.OK:
        return Agreement.ACCEPTED
    return Agreement.AGREE if here.out == ttnn.out else Agreement.WRONG_SPEC
