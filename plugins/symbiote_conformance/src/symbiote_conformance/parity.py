"""A runtime beside TTNN on mock chips: the same call to both, and how the answers compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final

import attrs

from symbiote_conformance.calls import Call, Outcome, Status
from symbiote_conformance.compare import Agreement, compare
from symbiote_conformance.differences import Difference
from symbiote_conformance.running import Bench
from symbiote_conformance.workers import Worker

ARCHITECTURES: Final = ("wormhole_b0", "blackhole")


@attrs.frozen
class Judgement:
    """One call on one architecture.

    Attributes:
        call: the call.
        arch: ``wormhole_b0`` or ``blackhole``.
        agreement: how the answers compare.
        here: what the runtime did.
        ttnn: what TTNN did.
        known: the row of the table of differences that the call is of.
    """

    call: Call
    arch: str
    agreement: Agreement
    here: Outcome
    ttnn: Outcome
    known: Difference | None = None

    @property
    def disagrees(self) -> bool:
        """Whether this is a difference that no row of the table tells of."""
        apart = self.agreement not in (Agreement.AGREE, Agreement.UNKNOWN)
        return apart and self.known is None

    def __str__(self) -> str:
        return (
            f"{self.agreement.value} on {self.arch}: {self.call}\n"
            f"  ttnn  {self.ttnn}\n  here  {self.here}"
        )


class Parity:
    """Judges calls on a runtime by TTNN's answers on mock chips; a context manager.

    A crash costs a new process, so TTNN is asked only for the first few calls of a kind that the
    runtime refuses because TTNN would crash; the others of that kind are taken to crash as well.

    Args:
        runtime: what the device strings of the runtime start with; an architecture follows.
        archs: the architectures.
        differences: the table of known differences.
        crash: the exception by which the runtime refuses what crashes TTNN.
        confirmations: how many calls of a kind have to crash TTNN before that is believed.
    """

    def __init__(
        self,
        runtime: str = "emulator",
        archs: Sequence[str] = ARCHITECTURES,
        differences: Sequence[Difference] = (),
        crash: str = "WouldCrash",
        confirmations: int = 2,
    ) -> None:
        self.archs = tuple(archs)
        self._benches = {arch: Bench(f"{runtime}:{arch}") for arch in archs}
        self._workers = {arch: Worker(f"mock:{arch}") for arch in archs}
        self._threads = ThreadPoolExecutor(len(self.archs))
        self._differences = differences
        self._crash = crash
        self._confirmations = confirmations
        self._confirmed: Counter[tuple[str, str, str]] = Counter()

    def __enter__(self) -> Parity:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes and close the devices."""
        self._threads.shutdown()
        for worker in self._workers.values():
            worker.close()
        for bench in self._benches.values():
            bench.close()

    def judge(self, call: Call) -> list[Judgement]:
        """The call on each architecture."""
        return self.judge_all([call])

    def judge_all(self, calls: Sequence[Call]) -> list[Judgement]:
        """All calls on each architecture; TTNN's processes work at the same time."""
        here = {arch: [bench.run(c) for c in calls] for arch, bench in self._benches.items()}
        asked = {
            arch: [i for i, c in enumerate(calls) if self._unsure(arch, c, here[arch][i])]
            for arch in self.archs
        }
        waiting = {
            arch: self._threads.submit(worker.ask_all, [calls[i] for i in asked[arch]])
            for arch, worker in self._workers.items()
        }
        judgements = []
        for arch in self.archs:
            ttnn = dict(zip(asked[arch], waiting[arch].result(), strict=True))
            for i, call in enumerate(calls):
                answer = ttnn.get(i, Outcome(Status.CRASHED, message="as others of its kind"))
                judgements.append(self._judge(arch, call, here[arch][i], answer))
        return judgements

    def _unsure(self, arch: str, call: Call, here: Outcome) -> bool:
        return self._confirmed[self._kind(arch, call, here)] < self._confirmations

    def _kind(self, arch: str, call: Call, here: Outcome) -> tuple[str, str, str]:
        return arch, call.op, here.message if here.error == self._crash else ""

    def _judge(self, arch: str, call: Call, here: Outcome, ttnn: Outcome) -> Judgement:
        if here.error == self._crash and ttnn.status is Status.CRASHED:
            self._confirmed[self._kind(arch, call, here)] += 1
        agreement = compare(here, ttnn)
        known = next((row for row in self._differences if row.covers(call, here)), None)
        return Judgement(call, arch, agreement, here, ttnn, known)
