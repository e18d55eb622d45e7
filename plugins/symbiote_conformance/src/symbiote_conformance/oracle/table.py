"""Counting verdicts for each operation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from symbiote_conformance.compare import Agreement
from symbiote_conformance.oracle.judge import Verdict


@attrs.define
class Row:
    """The counts of one operation.

    Attributes:
        op: path under ``ttnn``.
        on_purpose: calls refused here that TTNN answers with a plainly wrong result; they are
            counted nowhere else.
        calls: the other judged calls.
        agree: calls that agree.
        plausible: calls of kind p.
        plausible_agree: those that agree.
        accepted: accepted here, refused by TTNN.
        refused: refused here, accepted by TTNN.
        wrong_spec: accepted by both, with another output.
        leaked: refusals by a stray exception.
    """

    op: str
    on_purpose: int = 0
    calls: int = 0
    agree: int = 0
    plausible: int = 0
    plausible_agree: int = 0
    accepted: int = 0
    refused: int = 0
    wrong_spec: int = 0
    leaked: int = 0

    @property
    def agreement(self) -> float:
        """Share of the calls that agree; 1.0 of none."""
        return self.agree / self.calls if self.calls else 1.0

    @property
    def plausible_agreement(self) -> float:
        """Share of the plausible calls that agree; 1.0 of none."""
        return self.plausible_agree / self.plausible if self.plausible else 1.0

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        if verdict.outcome is Agreement.ON_PURPOSE:
            self.on_purpose += 1
            return
        agrees = verdict.outcome is Agreement.AGREE
        self.calls += 1
        self.agree += agrees
        if verdict.record.kind == "p":
            self.plausible += 1
            self.plausible_agree += agrees
        self.accepted += verdict.outcome is Agreement.ACCEPTED
        self.refused += verdict.outcome is Agreement.REFUSED
        self.wrong_spec += verdict.outcome is Agreement.WRONG_SPEC
        self.leaked += verdict.leaked

    def add_row(self, other: Row) -> None:
        """Add the counts of another row."""
        for field in attrs.fields(Row)[1:]:
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


@attrs.define
class Table:
    """Rows by operation, and the calls of operations that are not emulated."""

    rows: dict[str, Row] = attrs.field(factory=dict)
    not_emulated: dict[str, int] = attrs.field(factory=dict)
    failures: list[Verdict] = attrs.field(factory=list)

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        op = verdict.record.op
        if verdict.outcome is Agreement.ABSENT:
            self.not_emulated[op] = self.not_emulated.get(op, 0) + 1
            return
        self.rows.setdefault(op, Row(op)).add(verdict)
        fine = verdict.outcome in (Agreement.AGREE, Agreement.ON_PURPOSE)
        if not fine or verdict.leaked:
            self.failures.append(verdict)

    def total(self) -> Row:
        """The sum of all rows."""
        total = Row("total")
        for row in self.rows.values():
            total.add_row(row)
        return total

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "rows": [attrs.asdict(self.rows[op]) for op in sorted(self.rows)],
            "total": attrs.asdict(self.total()),
            "not_emulated": dict(sorted(self.not_emulated.items())),
        }

    def as_text(self) -> str:
        """Lines for a terminal."""
        head = (
            f"{'operation':52}{'calls':>6}{'all %':>7}{'p':>6}{'p %':>7}"
            f"{'accepts':>9}{'refuses':>9}{'spec':>6}{'leaks':>7}{'wrong':>7}"
        )
        lines = [head, "-" * len(head)]
        lines += [_line(self.rows[op]) for op in sorted(self.rows)]
        lines += ["-" * len(head), _line(self.total())]
        if self.not_emulated:
            names = ", ".join(f"{op} ({n})" for op, n in sorted(self.not_emulated.items()))
            lines.append(f"not emulated, not counted: {names}")
        return "\n".join(lines)


def tabulate(verdicts: Iterable[Verdict]) -> Table:
    """Count verdicts."""
    table = Table()
    for verdict in verdicts:
        table.add(verdict)
    return table


def _line(row: Row) -> str:
    return (
        f"{row.op:52}{row.calls:6}{_percent(row.agree, row.calls):>7}{row.plausible:6}"
        f"{_percent(row.plausible_agree, row.plausible):>7}{row.accepted:9}{row.refused:9}"
        f"{row.wrong_spec:6}{row.leaked:7}{row.on_purpose:7}"
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"
