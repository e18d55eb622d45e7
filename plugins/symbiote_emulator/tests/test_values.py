"""Values of generated calls, within the table of tolerances of their float64 goldens."""

from __future__ import annotations

from typing import Any

import pytest

from symbiote_conformance import Bench, compare_values, random_data
from symbiote_conformance.goldens import COVERED
from symbiote_conformance.sampling import sample
from symbiote_conformance.strategies import plausible_calls
from symbiote_emulator import ttnn


@pytest.fixture
def bench() -> Bench:
    # One for each test: what the operands hold then does not depend on the tests before.
    return Bench("emulator", random_data(0))


@pytest.mark.parametrize("op", sorted(COVERED))
def test_values_of_generated_calls(bench: Bench, op: str) -> None:
    compared = [c for call in sample(plausible_calls(op), 40) if (c := compare_values(bench, call))]
    assert len(compared) >= 8, "hardly any call has a golden"
    far = max(compared, key=lambda c: c.worst)
    assert far.worst <= 1.0, f"{far.worst} bounds of class {far.kind} off: {far.call}"


@pytest.mark.parametrize("op", ["relu", "add", "exp", "transpose", "matmul", "softmax"])
def test_wrong_values_are_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch, op: str) -> None:
    healthy = getattr(ttnn, op)

    def faulty(*args: Any, **kwargs: Any) -> Any:
        return ttnn.multiply(healthy(*args, **kwargs), 1.05)

    monkeypatch.setattr(ttnn, op, faulty)
    compared = [c for call in sample(plausible_calls(op), 40) if (c := compare_values(bench, call))]
    assert any(c.worst > 1.0 for c in compared)
