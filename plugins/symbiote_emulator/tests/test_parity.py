"""The emulator beside TTNN on mock chips: the same calls are accepted, with the same outputs.

``make parity`` does the same with 2,000 calls of every operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from emulator_differences import DIFFERENCES

from symbiote_conformance import Judgement, Parity
from symbiote_conformance.sampling import sample
from symbiote_conformance.shrinking import smaller
from symbiote_conformance.strategies import PLAUSIBLE, calls
from symbiote_emulator import ttnn
from symbiote_emulator.registry import OPERATIONS

EXAMPLES = 100
BATCH = 25


@pytest.fixture(scope="module")
def parity() -> Iterator[Parity]:
    with Parity(differences=DIFFERENCES, confirmations=1) as judge:
        yield judge


def test_every_operation_has_a_strategy() -> None:
    names = {
        n.removeprefix("ttnn.").replace("Tensor.__getitem__", "__getitem__") for n in OPERATIONS
    }
    assert names - PLAUSIBLE.keys() == set()


def disagreements(parity: Parity, op: str, count: int = EXAMPLES) -> list[Judgement]:
    drawn = sample(calls(op), count)
    found = []
    for start in range(0, len(drawn), BATCH):
        found += [j for j in parity.judge_all(drawn[start : start + BATCH]) if j.disagrees]
    return found


def smallest(parity: Parity, found: Judgement) -> str:
    def holds(call: Any) -> bool:
        return any(j.agreement is found.agreement and j.disagrees for j in parity.judge(call))

    return "\n".join(str(j) for j in parity.judge(smaller(found.call, holds, tries=60)))


@pytest.mark.ttnn
@pytest.mark.parametrize("op", sorted(PLAUSIBLE))
def test_ttnn_answers_the_same(parity: Parity, op: str) -> None:
    found = disagreements(parity, op)
    assert not found, f"{len(found)} disagreements, such as:\n{smallest(parity, found[0])}"


@pytest.mark.ttnn
@pytest.mark.parametrize("fault", ["accepts", "refuses", "forgets the dtype"])
def test_a_faulty_operation_is_seen(
    parity: Parity, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    relu = ttnn.relu

    def faulty(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        if fault == "refuses":
            raise RuntimeError("no")
        if fault == "accepts":
            return tensor
        return ttnn.typecast(relu(tensor, *args, **kwargs), ttnn.bfloat16)

    monkeypatch.setattr(ttnn, "relu", faulty)
    assert disagreements(parity, "relu", 60)
