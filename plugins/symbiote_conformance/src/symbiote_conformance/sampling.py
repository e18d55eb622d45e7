"""Drawing many calls of an operation at once."""

from __future__ import annotations

import json
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from symbiote_conformance.calls import Call

_ROUND: Final = 10
"""Calls drawn under one seed. From the eleventh on hypothesis makes variants of earlier ones, which
repeat themselves, and not the same ones each time."""

_ROUNDS: Final = 4
"""Times the wanted number that are drawn at most: small strategies run out."""


def sample(strategy: st.SearchStrategy[Call], count: int, number: int = 0) -> list[Call]:
    """``count`` different calls, or fewer where a strategy has fewer.

    Args:
        strategy: of the calls.
        count: how many.
        number: the seed; the same number gives the same calls.
    """
    calls: dict[str, Call] = {}
    for i in range(_ROUNDS * -(-count // _ROUND)):
        for call in _draw(strategy, min(count, _ROUND), 10_000 * number + i):
            calls.setdefault(json.dumps(call.as_json()), call)
        if len(calls) >= count:
            break
    return list(calls.values())[:count]


def _draw(strategy: st.SearchStrategy[Call], count: int, number: int) -> list[Call]:
    """Calls as hypothesis draws them; some may be alike."""
    drawn: list[Call] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(call: Call) -> None:
        drawn.append(call)

    collect()
    return drawn
