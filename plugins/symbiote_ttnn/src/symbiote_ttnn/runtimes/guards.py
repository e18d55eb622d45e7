"""Calls that would kill the process on a mock chip, made to raise."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from symbiote_core import SymbioteError

_NO_TRACES = "call the operations themselves; a trace replays on chips only"

CRASHING = {
    "operations.trace.begin_trace_capture": _NO_TRACES,
    "operations.trace.end_trace_capture": _NO_TRACES,
    "operations.trace.execute_trace": _NO_TRACES,
    "events.wait_for_event": "wait for everything with ttnn.synchronize_device(device)",
}
"""What TTNN 0.81 dies of by SIGSEGV on a mock chip, below ``ttnn._ttnn``, and what to do instead.

``begin_trace_capture`` returns by itself; the first operation after it is what crashes.
"""


class MockChipError(SymbioteError, RuntimeError):
    """A call that TTNN can't make on a mock chip.

    Attributes:
        op: the call, such as ``ttnn.execute_trace``.
    """

    def __init__(self, op: str, advice: str) -> None:
        self.op = op
        super().__init__(
            f"{op}() can't run on a mock chip: TTNN would crash the process. Use a chip or a "
            f"simulator, or {advice}."
        )


def guard(ttnn: Any) -> None:
    """Replace the crashing functions in ``ttnn`` by ones that raise; safe to repeat.

    The module itself is changed, so that code which imports the real ``ttnn`` is guarded too. It
    stays so: a process that has opened a mock chip never gets to see another kind. A function that
    was imported by name before is out of reach.
    """
    for place, advice in CRASHING.items():
        folders, _, name = place.rpartition(".")
        owner = ttnn._ttnn
        for folder in folders.split("."):
            owner = getattr(owner, folder)
        if isinstance(getattr(ttnn, name), _Guard):
            continue
        refusing = _Guard(f"ttnn.{name}", advice, getattr(owner, name))
        for module in (owner, ttnn):
            setattr(module, name, refusing)


class _Guard:
    """Stands in for a function that would crash."""

    def __init__(self, op: str, advice: str, original: Callable[..., Any]) -> None:
        functools.update_wrapper(self, original)
        self._op, self._advice = op, advice

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse.

        Raises:
            MockChipError: always.
        """
        raise MockChipError(self._op, self._advice)
