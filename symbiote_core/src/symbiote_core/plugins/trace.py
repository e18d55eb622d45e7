"""``SYMBIOTE_TRACE=1``: what is called in plugins, and how long it takes.

With the variable unset nothing here is used, and the calls have nothing around them.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pluggy

from symbiote_core.plugins.records import PluginRecord, told

logger = logging.getLogger("symbiote.trace")


def trace_hooks(hooks: pluggy.PluginManager, record: PluginRecord) -> None:
    """Log every call of the hooks of one plugin: which plugin, which hook, how many ms."""
    logger.setLevel(logging.INFO)  # whoever sets the variable wants to see it
    started: list[float] = []

    def before(name: str, impls: Sequence[pluggy.HookImpl], kwargs: Mapping[str, Any]) -> None:
        del name, impls, kwargs
        started.append(time.perf_counter())

    def after(
        outcome: pluggy.Result[Any],
        name: str,
        impls: Sequence[pluggy.HookImpl],
        kwargs: Mapping[str, Any],
    ) -> None:
        del kwargs
        start = started.pop()
        if impls:  # else the plugin does not have this hook
            _log(record, name, start, outcome.exception)

    hooks.add_hookcall_monitoring(before, after)


@contextlib.contextmanager
def traced(record: PluginRecord, what: str) -> Iterator[None]:
    """Log how long the block takes, which runs code of the plugin."""
    logger.setLevel(logging.INFO)
    start = time.perf_counter()
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        _log(record, what, start, error)


def _log(record: PluginRecord, what: str, start: float, error: BaseException | None) -> None:
    took = (time.perf_counter() - start) * 1000
    ended = "" if error is None else f", raised {told(error)}"
    logger.info("%s: %s took %.3f ms%s", record.origin, what, took, ended)
