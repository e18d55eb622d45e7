"""Devices in processes of their own, which a call may kill."""

from __future__ import annotations

import os
import signal

import pytest

from symbiote_conformance import Bench, Call, Status, Worker, WorkerError
from symbiote_conformance.strategies.describe import tensor

GOOD = Call("relu", [tensor([2, 33])])
BAD = Call("relu", ["x"])
CRASH = Call("relu", [tensor([2, 33], memory="host")])


def test_a_worker_answers_as_the_runtime_does() -> None:
    bench = Bench("emulator")
    with Worker("emulator") as worker:
        assert worker.ask_all([GOOD, BAD]) == [bench.run(GOOD), bench.run(BAD)]


def test_a_worker_that_was_killed_is_started_again() -> None:
    with Worker("emulator") as worker:
        assert worker.ask(GOOD).status is Status.OK
        process = worker._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        outcome = worker.ask(GOOD)
        assert (outcome.status, outcome.message) == (Status.CRASHED, "SIGKILL")
        assert worker.ask(GOOD).status is Status.OK
        assert worker.crashes == 1


def test_a_device_that_does_not_open(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WorkerError, match="'emulator:foo' ended with exit status 1 before it was"):
        Worker("emulator:foo").ask(GOOD)
    assert "The emulator has no device 'emulator:foo'" in capfd.readouterr().err


@pytest.mark.ttnn
def test_a_call_that_kills_ttnn_is_one_outcome_among_others() -> None:
    with Worker("mock:blackhole") as worker:
        outcomes = worker.ask_all([GOOD, CRASH, BAD, GOOD])
    assert [o.status.value for o in outcomes] == ["ok", "crash", "ref", "ok"]
    assert outcomes[1].message == "SIGSEGV"
    assert outcomes[0] == outcomes[3] == Bench("emulator:blackhole").run(GOOD)
