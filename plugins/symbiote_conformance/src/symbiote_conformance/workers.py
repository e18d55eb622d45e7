"""The other end of `symbiote_conformance.worker`: a device in a process of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final

from symbiote_conformance.calls import Call, Outcome, Status

READY: Final = "ready"
"""The first thing that a worker says."""


class WorkerError(RuntimeError):
    """The worker process did not start.

    Args:
        device: the device string.
        code: the exit status of the process.
    """

    def __init__(self, device: str, code: int) -> None:
        super().__init__(
            f"The worker for {device!r} ended with exit status {code} before it was ready; what it "
            "said stands on standard error. `symbiote doctor` tells what is missing."
        )
        self.device = device
        self.code = code


class Worker:
    """Runs calls on a device in another process, which a call may kill.

    A process is started at the first call, and again after one that died. Use it as a context
    manager, or `close` it.

    Args:
        device: a device string, such as ``mock:wormhole_b0``.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.crashes = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def ask(self, call: Call) -> Outcome:
        """What becomes of one call.

        Raises:
            WorkerError: the process does not start.
        """
        return self.ask_all([call])[0]

    def ask_all(self, calls: Sequence[Call]) -> list[Outcome]:
        """What becomes of each call; one that kills the process is a crash, the others are not.

        Raises:
            WorkerError: the process does not start.
        """
        outcomes: list[Outcome] = []
        while len(outcomes) < len(calls):
            outcomes += self._ask_some(calls[len(outcomes) :])
        return outcomes

    def _ask_some(self, calls: Sequence[Call]) -> list[Outcome]:
        """Outcomes of the calls up to the first that kills the process."""
        process = self._running()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps([call.as_json() for call in calls]) + "\n")
            process.stdin.flush()
        outcomes: list[Outcome] = []
        while len(outcomes) < len(calls):
            said = self._read()
            if said is None:
                code = self._end()
                self.crashes += 1
                how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
                return [*outcomes, Outcome(Status.CRASHED, message=how)]
            outcomes.append(Outcome.from_json(said))
        return outcomes

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [sys.executable, "-m", "symbiote_conformance.worker", self.device]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            if self._read() != READY:
                raise WorkerError(self.device, self._end())
        return self._process

    def _read(self) -> Any:
        """What the process says next, or None if it has ended."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        line = process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def _end(self) -> int:
        process, self._process = self._process, None
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        code = process.wait()
        process.stdout.close()
        return code
