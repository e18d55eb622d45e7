"""The active runtime: the one that the name ``ttnn`` stands for in kernels right now.

It is one per process, as a device is. A swapped model makes its own runtime active when it is
called, so models on several runtimes can take turns.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterator
from typing import Any

from symbiote_core.runtime.protocol import Runtime


class _Active:
    """Holder of the active runtime; an attribute of one object is the cheapest look-up."""

    __slots__ = ("listeners", "runtime")

    def __init__(self) -> None:
        self.runtime: Runtime | None = None
        self.listeners: list[Callable[[], None]] = []


ACTIVE = _Active()


def activate(runtime: Runtime | None) -> None:
    """Make ``runtime`` the active one (None: the default at the next use)."""
    if runtime is not ACTIVE.runtime:
        ACTIVE.runtime = runtime
        for listener in ACTIVE.listeners:
            listener()


def active_runtime() -> Runtime:
    """The active runtime; the emulator if none was chosen yet."""
    if ACTIVE.runtime is None:
        from symbiote_core.runtime.devices import runtime_named

        activate(runtime_named("emulator"))
    assert ACTIVE.runtime is not None
    return ACTIVE.runtime


@contextlib.contextmanager
def use_runtime(runtime: Runtime | str) -> Iterator[Runtime]:
    """Make a runtime active within a ``with`` block.

    Args:
        runtime: the runtime or its name (``emulator``, ``native``, ``mock``).
    """
    from symbiote_core.runtime.devices import runtime_named

    before = ACTIVE.runtime
    chosen = runtime_named(runtime) if isinstance(runtime, str) else runtime
    activate(chosen)
    try:
        yield chosen
    finally:
        activate(before)


class LateBoundModule(types.ModuleType):
    """A module whose names are looked up in the active runtime's ``ttnn``.

    A name is resolved once and then kept in the instance's dictionary, so that later look-ups
    cost what an attribute costs; a change of runtime forgets them all.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "TTNN as the active runtime provides it.")
        self.__dict__["_own_names"] = frozenset(self.__dict__) | {"_own_names"}
        ACTIVE.listeners.append(self._forget)

    def _forget(self) -> None:
        own = self.__dict__["_own_names"]
        for name in [n for n in self.__dict__ if n not in own]:
            del self.__dict__[name]

    def __getattr__(self, name: str) -> Any:
        value = getattr(active_runtime().ttnn, name)
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted(dir(active_runtime().ttnn))

    def __repr__(self) -> str:
        return f"<ttnn, late bound to the runtime {active_runtime().name!r}>"
