"""The judge itself: stray exceptions, one faulty operation at a time, and ``make oracle``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from symbiote_conformance import Agreement, Call, Difference
from symbiote_conformance.oracle import judge_file, tabulate
from symbiote_emulator import ttnn
from symbiote_emulator.errors import EmulatorError

ROOT = Path(__file__).parents[3]
WH = ROOT / "tests" / "data" / "oracle" / "oracle_wh.jsonl.gz"
SCRIPT = ROOT / "tools" / "oracle.py"


def test_hardly_a_stray_exception_leaks() -> None:
    table = tabulate(judge_file(WH))
    assert table.total().leaked <= 4
    assert len(table.rows) > 40
    assert table.total().agree == sum(r.agree for r in table.rows.values())


def accept(*args: Any, **_: Any) -> Any:
    return args[0] if args else None


def refuse(*_: Any, **__: Any) -> Any:
    raise EmulatorError("no", op="ttnn.relu")


def stumble(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError


def test_refusals_of_what_is_wrong_in_ttnn_are_counted_by_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ttnn, "relu", refuse)
    plain = tabulate(judge_file(WH, op="relu")).total()
    row = Difference(Call("relu", []), "accepted", "no", "why")
    told = tabulate(judge_file(WH, op="relu", wrong=[row]))
    assert plain.on_purpose == 0
    assert told.total().on_purpose == plain.refused > 10
    assert (told.total().refused, told.total().calls) == (0, plain.calls - plain.refused)
    assert told.failures == []
    other = Difference(Call("relu", []), "accepted", "other words", "why")
    assert tabulate(judge_file(WH, op="relu", wrong=[other])).total() == plain


@pytest.mark.parametrize(
    ("faulty", "outcome", "leaks"),
    [
        (accept, Agreement.ACCEPTED, False),
        (refuse, Agreement.REFUSED, False),
        (stumble, Agreement.REFUSED, True),
        (lambda *_, **__: None, Agreement.WRONG_SPEC, False),
    ],
    ids=["accepts", "refuses", "stumbles", "forgets"],
)
@pytest.mark.parametrize("op", ["relu", "linear"])
def test_every_kind_of_fault_is_seen(
    monkeypatch: pytest.MonkeyPatch,
    op: str,
    faulty: Callable[..., Any],
    outcome: Agreement,
    leaks: bool,
) -> None:
    healthy = tabulate(judge_file(WH, op=op)).total()
    assert healthy.agreement > 0.95
    monkeypatch.setattr(ttnn, op, faulty)
    verdicts = list(judge_file(WH, op=op))
    table = tabulate(verdicts)
    assert table.total().agreement < 0.9
    assert sum(v.outcome is outcome for v in verdicts) > 5
    assert (table.total().leaked > 0) is leaks


def test_what_is_not_emulated_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(ttnn, "relu")
    table = tabulate(judge_file(WH, op="relu"))
    assert table.total().calls == 0
    assert table.not_emulated == {"relu": 44}


def test_make_oracle_prints_the_table_and_succeeds() -> None:
    run = subprocess.run(
        [sys.executable, SCRIPT], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("operation")
    assert "\nlinear " in run.stdout
    assert "\ntotal " in run.stdout
    assert "agreement 9" in run.stdout.splitlines()[-1]


def test_make_oracle_fails_below_its_threshold() -> None:
    breaking = (
        "import runpy, sys; from symbiote_emulator import ttnn\n"
        "for name in 'add linear matmul divide subtract reshape multiply pad typecast'.split():\n"
        "    setattr(ttnn, name, lambda *_, **__: None)\n"
        f"sys.argv = [{str(SCRIPT)!r}]; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    run = subprocess.run(
        [sys.executable, "-c", breaking], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1, run.stderr
    assert "\ntotal " in run.stdout
