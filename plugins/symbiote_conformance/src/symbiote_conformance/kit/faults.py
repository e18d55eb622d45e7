"""A runtime in which the operation that one chooses fails."""

from __future__ import annotations

import contextlib
import copy
import functools
import types
from collections.abc import Iterator
from typing import Any

import attrs

from symbiote_conformance.kit.swapped import Swapped
from symbiote_core import Runtime, use_runtime


class InjectedError(RuntimeError):
    """What the kit raises in the place of an operation's result."""


@attrs.define(eq=False)
class Faults:
    """Which call of ``ttnn`` fails.

    Attributes:
        at: its number, from 0 on; None for none.
        calls: the names of the calls so far.
        happened: whether it failed.
    """

    at: int | None = None
    calls: list[str] = attrs.Factory(list)
    happened: bool = False

    def start(self, at: int | None) -> None:
        """Count from 0 again; the call of number ``at`` fails."""
        self.at, self.calls, self.happened = at, [], False

    def meet(self, name: str) -> None:
        """A call begins.

        Raises:
            InjectedError: if it is the one that fails.
        """
        number = len(self.calls)
        self.calls.append(name)
        if number == self.at:
            self.happened = True
            raise InjectedError(f"the conformance kit made call {number} fail, {name}")


class _Namespace:
    """A module of functions, each of which tells ``faults`` of its calls."""

    def __init__(self, real: Any, name: str, faults: Faults) -> None:
        self._real, self._name, self._faults = real, name, faults

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        path = f"{self._name}.{name}"
        if isinstance(value, types.ModuleType):
            return _Namespace(value, path, self._faults)
        if isinstance(value, type) or not callable(value):
            return value

        @functools.wraps(value)
        def run(*args: Any, **kwargs: Any) -> Any:
            self._faults.meet(path)
            return value(*args, **kwargs)

        return run


def faulty(runtime: Runtime, faults: Faults) -> Runtime:
    """A runtime like ``runtime``, whose ``ttnn`` fails as ``faults`` says."""
    other = copy.copy(runtime)
    other.ttnn = _Namespace(runtime.ttnn, "ttnn", faults)
    return other


@contextlib.contextmanager
def with_faults(both: Swapped) -> Iterator[Faults]:
    """Run the swapped model's kernels, within a ``with`` block, where calls of ``ttnn`` may fail.

    Their weights are on the device at its beginning, as far as they stay there between calls.
    """
    faults = Faults()
    usual = both.runtime
    both.runtime = faulty(usual, faults)
    try:
        with use_runtime(both.runtime):
            for kernel in both.kernels:
                kernel.set_device(both.device, both.runtime)
            for kernel in both.kernels:
                kernel.move_weights_to_device()
            yield faults
    finally:
        faults.start(None)
        for kernel in both.kernels:
            kernel.set_device(both.device, usual)
        both.runtime = usual
