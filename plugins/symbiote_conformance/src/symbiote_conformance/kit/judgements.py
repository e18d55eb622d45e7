"""Judgements: one check of one subject each, as a test of pytest runs them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.checks import Check
from symbiote_conformance.kit.checks.accepted import accepted
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.subjects import Missing


@attrs.frozen(eq=False)
class Judgement:
    """One test.

    Attributes:
        name: its id.
        run: runs it; given the test's item, raises `ConformanceError`, or skips.
        chip: the mock chip that it needs a process for, or "".
        marks: of pytest.
    """

    name: str
    run: Callable[[pytest.Item], None]
    chip: str = ""
    marks: tuple[pytest.MarkDecorator, ...] = ()


def checked(case: Case, name: str, check: Check) -> Judgement:
    """One check in this process."""

    def run(item: pytest.Item) -> None:
        del item
        check(case)

    return Judgement(f"{case.subject.name}-{name}", run)


def on_chip(case: Case, chip: str, ask: Callable[[pytest.Item, str], None] | None) -> Judgement:
    """The acceptance of one mock chip, in this process, or, by ``ask``, in one of its own."""

    def run(item: pytest.Item) -> None:
        if ask is None:
            accepted(case, chip)
        else:
            ask(item, chip)

    return Judgement(f"{case.subject.name}-{chip}", run, chip, (pytest.mark.ttnn,))


def without_chips(why: str, count: int) -> Judgement:
    """What stands for all acceptances where there are no mock chips: one test that is skipped."""

    def skip(item: pytest.Item) -> None:
        del item
        pytest.skip(f"{why}: what TTNN takes was not judged, of {count} subjects")

    return Judgement("mock", skip, marks=(pytest.mark.ttnn,))


def missing(subject: Missing, plugin: str) -> Judgement:
    """What stands for all checks of something that there is no subject for."""

    def tell(item: pytest.Item) -> None:
        del item
        if subject.excused:
            pytest.skip(f"{subject.name} (plugin {plugin}): {subject.problem}")
        raise ConformanceError(
            f"{subject.name} (plugin {plugin})", subject.problem, None, subject.hint
        )

    return Judgement(f"{subject.name}-subject", tell)


def judge(judgement: Judgement, item: pytest.Item) -> None:
    """Run one; a failure is told in the kit's words, with the trace of the kernel's own error."""
    try:
        judgement.run(item)
    except ConformanceError as error:
        text = "\n\n".join([str(error), *_causes(error)])
        raise pytest.fail.Exception(text, pytrace=False) from None


def _causes(error: BaseException) -> list[str]:
    """The trace of what the kernel's code raised, if anything."""
    cause: Any = error.__cause__
    while cause is not None and isinstance(cause, ConformanceError):
        cause = cause.__cause__
    if cause is None:
        return []
    inner = cause.__cause__ if cause.__cause__ is not None else cause
    return ["".join(traceback.format_exception(inner, chain=False)).rstrip()]
