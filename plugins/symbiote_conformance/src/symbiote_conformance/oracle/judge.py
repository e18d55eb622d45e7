"""Running recorded calls on a runtime and comparing status, then output specification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from symbiote_conformance.calls import Status
from symbiote_conformance.compare import Agreement, compare
from symbiote_conformance.differences import Difference
from symbiote_conformance.oracle.records import Record, read_records
from symbiote_conformance.running import Bench

ARCHITECTURES: Final = {"wh": "wormhole_b0", "bh": "blackhole"}


@attrs.frozen
class Verdict:
    """One judged call.

    Attributes:
        record: the call.
        outcome: how it compares.
        detail: what the runtime did, in words.
        leaked: the refusal does not name an operation: a stray exception.
    """

    record: Record
    outcome: Agreement
    detail: str = ""
    leaked: bool = False


def judge_file(
    path: Path,
    arch: str | None = None,
    op: str | None = None,
    runtime: str = "emulator",
    wrong: Sequence[Difference] = (),
) -> Iterator[Verdict]:
    """Judge the calls of a file; calls whose operands could not be built are left out.

    Args:
        path: ``*.jsonl.gz``.
        arch: ``wormhole_b0`` or ``blackhole``; by default from ``wh`` or ``bh`` in the name of the
            file.
        op: only this operation.
        runtime: what device strings of the runtime to judge start with.
        wrong: calls that TTNN answers with a plainly wrong result, and the runtime refuses.
    """
    bench = Bench(f"{runtime}:{arch or arch_of(path)}")
    try:
        yield from judge(read_records(path, op), bench, wrong)
    finally:
        bench.close()


def arch_of(path: Path) -> str:
    """The chip that a file name tells: ``bh`` in it means Blackhole."""
    return ARCHITECTURES["bh" if "bh" in path.name.split(".")[0].split("_") else "wh"]


def judge(
    records: Iterable[Record], bench: Bench, wrong: Sequence[Difference] = ()
) -> Iterator[Verdict]:
    """Judge calls, each on a device with nothing else allocated."""
    for record in records:
        if record.status != Status.SETUP.value:
            yield _judge_one(record, bench, wrong)


def _judge_one(record: Record, bench: Bench, wrong: Sequence[Difference]) -> Verdict:
    if not bench.has(record.op):
        return Verdict(record, Agreement.ABSENT)
    here, there = bench.run(record.call), record.outcome
    agreement = compare(here, there)
    if agreement is Agreement.REFUSED and any(row.covers(record.call, here) for row in wrong):
        agreement = Agreement.ON_PURPOSE
    stray = here.status is Status.REFUSED and not here.named and here.error != there.error
    return Verdict(record, agreement, str(here), stray)
