"""The table of known differences: up to date, and true on both sides."""

from __future__ import annotations

import pytest
from emulator_differences import DIFFERENCES, FILE, WRONG, text

from symbiote_conformance import Bench, Difference, Status, Worker

IDS = [f"{row.example.op}-{i}" for i, row in enumerate(DIFFERENCES)]


def test_the_document_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run tests/emulator_differences.py"


@pytest.mark.parametrize("row", DIFFERENCES, ids=IDS)
def test_the_emulator_refuses_and_says_so(row: Difference) -> None:
    bench = Bench("emulator")
    outcome = bench.run(row.example)
    assert outcome.status is Status.REFUSED
    assert row.covers(row.example, outcome), outcome.message
    assert ("refused, since TTNN 0.81.1" in outcome.message) is (row in WRONG)


@pytest.mark.ttnn
def test_ttnn_still_answers_so() -> None:
    # One process for all: one that a call killed is started again.
    with Worker("mock:wormhole_b0") as worker:
        answers = [str(worker.ask(row.example)) for row in DIFFERENCES]
    assert answers == [row.ttnn for row in DIFFERENCES]
