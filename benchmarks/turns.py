"""Forwards in processes that take turns: for what can't be imported into one interpreter.

Needs torch alone, so that programs of any venv can import it.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

import torch


def answer(call: Callable[[], Any], told: Any, answers: TextIO) -> None:
    """In the child: say ``told``, then time ``call`` until standard input ends.

    A line asks with a number of threads for torch and a number of calls; the answer is the median
    of their wall times in seconds. What ``call`` prints goes nowhere.
    """
    print(json.dumps(told), file=answers, flush=True)
    with torch.no_grad(), contextlib.redirect_stdout(None):
        for line in sys.stdin:
            threads, count = json.loads(line)
            torch.set_num_threads(threads)
            times = []
            for _ in range(count):
                start = time.perf_counter()
                call()
                times.append(time.perf_counter() - start)
            print(statistics.median(times), file=answers, flush=True)


class Turns:
    """In the parent: the program that answers.

    Args:
        process: it, with pipes.
        errors: the file that its standard error goes to.
    """

    def __init__(self, process: subprocess.Popen[str], errors: TextIO) -> None:
        self.process, self.errors = process, errors
        self.told = self._answer()

    def seconds(self, threads: int, count: int) -> float:
        """The median wall time of ``count`` calls with that many threads for torch."""
        assert self.process.stdin is not None
        print(json.dumps([threads, count]), file=self.process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise AssertionError(self.errors.read()[-2000:])
        return json.loads(line)


@contextlib.contextmanager
def program(command: list[str], environment: Mapping[str, str]) -> Iterator[Turns]:
    """Run a program that answers, and end it afterwards.

    Args:
        command: the interpreter, the program and its arguments.
        environment: its environment variables.
    """
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+") as errors,  # a pipe that nobody reads would fill
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=environment
        ) as process,
    ):
        yield Turns(process, errors)
