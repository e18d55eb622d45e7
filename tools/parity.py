"""Hold the emulator to TTNN on mock chips, operation by operation.

    .venv-ttnn/bin/python tools/parity.py                       # 2,000 calls of every operation
    .venv-ttnn/bin/python tools/parity.py --op add --examples 100

Prints a table, the worst error of each class of tolerance as a share of its bound, and for each
kind of disagreement the smallest call that shows it. Exits with 1 if there is any, or if a value is
out of bounds.
"""

from __future__ import annotations

import argparse
import random
import re
import runpy
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import attrs

from symbiote_conformance import (
    Agreement,
    Bench,
    Call,
    Compared,
    Difference,
    Judgement,
    Parity,
    Status,
    compare_values,
    random_data,
)
from symbiote_conformance.goldens import COVERED
from symbiote_conformance.sampling import sample
from symbiote_conformance.shrinking import smaller
from symbiote_conformance.strategies import PLAUSIBLE, calls, plausible_calls

BATCH = 50
TABLE = Path(__file__).parents[1] / "plugins/symbiote_emulator/tests/emulator_differences.py"
ARCHITECTURES = {"wh": "wormhole_b0", "bh": "blackhole"}


@attrs.define
class Row:
    """The counts of one operation, over architectures."""

    op: str
    calls: int = 0
    accepted: int = 0
    accepts: int = 0
    refuses: int = 0
    spec: int = 0
    known: int = 0
    unknown: int = 0

    def add(self, judgement: Judgement) -> None:
        """Count one judgement."""
        if judgement.agreement is Agreement.UNKNOWN:
            self.unknown += 1
            return
        self.calls += 1
        self.accepted += judgement.ttnn.status is Status.OK
        apart = judgement.agreement is not Agreement.AGREE
        self.known += apart and judgement.known is not None
        if judgement.disagrees:
            self.accepts += judgement.agreement is Agreement.ACCEPTED
            self.refuses += judgement.agreement in (Agreement.REFUSED, Agreement.ABSENT)
            self.spec += judgement.agreement is Agreement.WRONG_SPEC

    def line(self) -> str:
        """The row for a terminal."""
        share = f"{100 * self.accepted / self.calls:.0f}" if self.calls else "-"
        return (
            f"{self.op:52}{self.calls:8}{share:>6}{self.accepts:9}{self.refuses:9}{self.spec:6}"
            f"{self.known:7}{self.unknown:7}"
        )


HEAD = (
    f"{'operation':52}{'calls':>8}{'ok %':>6}{'accepts':>9}{'refuses':>9}{'spec':>6}"
    f"{'known':>7}{'setup':>7}"
)


def kind_of(judgement: Judgement) -> tuple[str, ...]:
    """What disagreements of one cause have in common: the words without the numbers."""

    def words(text: str) -> str:
        return re.sub(r"[\d.\[\], x]+", "#", text.partition("info:")[2] or text)[:80]

    here, ttnn = judgement.here, judgement.ttnn
    if judgement.agreement is Agreement.WRONG_SPEC:
        apart = [key for key in "spdlm" if _field(here.out, key) != _field(ttnn.out, key)]
        return (judgement.agreement.name, *apart)
    return (judgement.agreement.name, words(here.message), words(ttnn.message))


def _field(out: object, key: str) -> object:
    if isinstance(out, dict) and "seq" in out:
        return [out["seq"], *(_field(v, key) for v in out["v"])]
    return out.get(key) if isinstance(out, dict) else out


def judge_operation(
    parity: Parity, op: str, count: int, number: int, *, plausible: bool
) -> tuple[Row, dict[tuple[str, ...], list[Judgement]]]:
    """Judge calls of an operation; the counts, and the disagreements by kind."""
    row, kinds = Row(op), dict[tuple[str, ...], list[Judgement]]()
    drawn = sample(plausible_calls(op) if plausible else calls(op), count, number)
    for start in range(0, len(drawn), BATCH):
        for judgement in parity.judge_all(drawn[start : start + BATCH]):
            row.add(judgement)
            if judgement.disagrees:
                kinds.setdefault(kind_of(judgement), []).append(judgement)
    return row, kinds


def worst_values(ops: Iterable[str], count: int, number: int) -> dict[str, Compared]:
    """The worst values of each class of tolerance, over plausible calls of the operations."""
    worst: dict[str, Compared] = {}
    bench = Bench("emulator", random_data(number))
    for op in ops:
        for call in sample(plausible_calls(op), count, number):
            found = compare_values(bench, call)
            if found is not None and found.worst >= getattr(worst.get(found.kind), "worst", 0.0):
                worst[found.kind] = found
    return worst


def known_differences() -> tuple[Difference, ...]:
    """The table of the emulator's known differences."""
    rows: tuple[Difference, ...] = runpy.run_path(str(TABLE))["DIFFERENCES"]
    return rows


def smallest(parity: Parity, found: Judgement) -> Judgement:
    """The smallest call that disagrees in the same way."""
    kind, best = kind_of(found), found

    def holds(call: Call) -> bool:
        nonlocal best
        for judgement in parity.judge(call):
            if judgement.disagrees and kind_of(judgement) == kind:
                best = judgement
                return True
        return False

    # A crash costs seconds a try.
    smaller(found.call, holds, tries=8 if found.ttnn.status is Status.CRASHED else 200)
    return best


def main() -> int:
    """Judge what the options ask for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--op", action="append", help="only this operation; may be repeated")
    parser.add_argument("--examples", type=int, default=2000, help="calls of an operation")
    parser.add_argument("--arch", choices=sorted(ARCHITECTURES), help="only this chip")
    parser.add_argument("--seed", type=int, help="draw the same calls again")
    parser.add_argument("--plausible", action="store_true", help="no calls that are made wrong")
    parser.add_argument("--kinds", type=int, default=10, help="disagreements shown an operation")
    options = parser.parse_args()
    unknown = sorted(set(options.op or ()) - PLAUSIBLE.keys())
    if unknown:
        parser.error(f"no calls are known of {', '.join(unknown)}; known: {', '.join(PLAUSIBLE)}")
    number = options.seed if options.seed is not None else random.randrange(2**32)
    archs = [ARCHITECTURES[options.arch]] if options.arch else list(ARCHITECTURES.values())
    print(f"seed {number}", HEAD, "-" * len(HEAD), sep="\n", flush=True)
    total = Row("total")
    shown: list[str] = []
    with Parity(archs=archs, differences=known_differences()) as parity:
        for op in options.op or sorted(PLAUSIBLE):
            started = time.monotonic()
            row, kinds = judge_operation(
                parity, op, options.examples, number, plausible=options.plausible
            )
            print(row.line(), flush=True)
            for name in ("calls", "accepted", "accepts", "refuses", "spec", "known", "unknown"):
                setattr(total, name, getattr(total, name) + getattr(row, name))
            most = sorted(kinds.values(), key=len, reverse=True)[: options.kinds]
            for alike in most:
                shown.append(f"({len(alike)} like it) {smallest(parity, alike[0])}")
            print(f"{op}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
    print("-" * len(HEAD), total.line(), sep="\n", flush=True)
    valued = [op for op in options.op or sorted(PLAUSIBLE) if op in COVERED]
    worst = worst_values(valued, options.examples, number)
    for kind, found in sorted(worst.items()):
        print(f"worst error of class {kind}: {found.worst:.3f} of the bound, {found.call}")
    print(*shown, sep="\n", flush=True)
    apart = total.accepts + total.refuses + total.spec
    return 1 if apart or any(found.worst > 1.0 for found in worst.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
