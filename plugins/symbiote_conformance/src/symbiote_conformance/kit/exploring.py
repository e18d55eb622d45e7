"""Looking for the smallest call that a kernel answers wrongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.failures import ConformanceError


def _settings(examples: int, phases: tuple[Phase, ...]) -> settings:
    return settings(
        max_examples=examples,
        phases=phases,
        database=None,
        deadline=None,
        derandomize=True,  # a suite that fails today and passes tomorrow helps nobody
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def explore(
    calls: st.SearchStrategy[TorchCall], holds: Callable[[TorchCall], None], examples: int
) -> None:
    """Call ``holds`` with many calls; where it raises, with ever smaller ones that do the same.

    Args:
        calls: what to choose from.
        holds: raises `ConformanceError` for a call that is answered wrongly.
        examples: how many calls to try.

    Raises:
        ConformanceError: that of the smallest call.
    """
    seen: list[tuple[int, ConformanceError]] = []

    @_settings(examples, (Phase.generate, Phase.shrink))
    @given(calls)
    def judge(call: TorchCall) -> None:
        try:
            holds(call)
        except ConformanceError as error:
            seen.append((call.size(), error))
            raise

    try:
        judge()
    except ConformanceError as error:
        raise error.with_traceback(None) from error.__cause__
    except Flaky:
        # A kernel that keeps something between calls answers the same call differently.
        raise min(seen, key=lambda pair: pair[0])[1] from None


def sample(calls: st.SearchStrategy[TorchCall], examples: int) -> list[TorchCall]:
    """Some calls, the smallest first; the same every time."""
    found: list[TorchCall] = []

    @_settings(examples, (Phase.generate,))
    @given(calls)
    def collect(call: Any) -> None:
        found.append(call)

    collect()
    return sorted(found, key=lambda call: call.size())
