"""Processes of this program's own that tell what they do, line by line, and may die of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

import attrs

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)
"""What a process runs. It finds modules where this one does, so that plugins are the same."""

_LAST_WORDS = 20_000
"""Bytes of the end of a process's stderr that are looked at."""


@attrs.frozen
class Ending:
    """How a process ended.

    Attributes:
        code: its exit code; that of a signal is negative.
        last_words: the end of what it wrote to stderr; empty if that was shown to the user.
    """

    code: int
    last_words: str

    @property
    def how(self) -> str:
        """The signal's name, or the exit code in words."""
        if self.code >= 0:
            return f"exit code {self.code}"
        try:
            return signal.Signals(-self.code).name
        except ValueError:  # a real-time signal has no name
            return f"signal {-self.code}"


class Process:
    """A process that was started by `started`."""

    def __init__(self, popen: "subprocess.Popen[str]", errors: IO[bytes]) -> None:
        self._popen = popen
        self._errors = errors

    def messages(self) -> Iterator[dict[str, Any]]:
        """What it tells, as it does, until it ends; a line that its death cut off is left out."""
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            if line.endswith("\n"):
                yield json.loads(line)

    def ending(self) -> Ending:
        """Wait for its end, and tell how that came."""
        code = self._popen.wait()
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _LAST_WORDS))
        return Ending(code, self._errors.read().decode(errors="replace").strip())


@contextlib.contextmanager
def started(module: str, request: Mapping[str, Any], shows_errors: bool) -> Iterator[Process]:
    """Run the ``main`` of a module in a process of its own; at the block's end it is gone.

    The process stands in a group of its own, so that Ctrl-C is for this process alone, which then
    ends the other and all that it started.

    Args:
        module: the module's name. Its ``main`` reads the request from stdin and tells JSON
            objects on stdout, one a line.
        request: what JSON can hold.
        shows_errors: let its stderr be this one's; otherwise its end is kept for `Ending`.
    """
    with tempfile.TemporaryFile() as errors:
        popen = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(sys.path), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if shows_errors else errors,
            text=True,
            start_new_session=True,
        )
        try:
            assert popen.stdin is not None
            with contextlib.suppress(BrokenPipeError), popen.stdin:  # it is dead: its ending tells
                popen.stdin.write(json.dumps(request))
            yield Process(popen, errors)
        finally:
            if popen.poll() is None:
                os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()
            assert popen.stdout is not None
            popen.stdout.close()


class Teller:
    """The other end: tells the process that started this one.

    Made first of all, since what libraries write to stdout, down to C++ code on the file
    descriptor, goes to stderr from then on.
    """

    def __init__(self) -> None:
        self._channel = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        sys.stdout = sys.stderr

    def tell(self, **message: Any) -> None:
        """Tell something, at once.

        Args:
            message: what JSON can hold.
        """
        self._channel.write(json.dumps(message) + "\n")
        self._channel.flush()
