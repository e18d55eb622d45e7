"""Generated calls: small, mostly plausible, sometimes wrong."""

from __future__ import annotations

import math

import pytest

from symbiote_conformance import Bench, Status
from symbiote_conformance.sampling import sample
from symbiote_conformance.shrinking import smaller
from symbiote_conformance.strategies import PLAUSIBLE, calls, described_tensors, plausible_calls
from symbiote_conformance.strategies.basic import MAX_VOLUME

LIMIT = 6 * MAX_VOLUME  # a wrong call may have a dim that is 32 larger


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench("emulator")


@pytest.mark.parametrize("op", ["relu", "add", "linear", "concat", "slice", "sum", "full"])
def test_calls_are_different_small_and_the_same_again(op: str) -> None:
    drawn = sample(calls(op), 60, 7)
    assert len({str(call) for call in drawn}) > 50
    for tensor in described_tensors([[c.args, c.kwargs] for c in drawn]):
        assert math.prod(tensor["s"]) <= LIMIT
    assert drawn == sample(calls(op), 60, 7)
    assert drawn != sample(calls(op), 60, 8)


def test_some_calls_are_off_the_grid_and_of_every_rank() -> None:
    shapes = [call.args[0]["s"] for call in sample(plausible_calls("relu"), 100)]
    assert {len(s) for s in shapes} == {1, 2, 3, 4}
    on_grid = sum(all(n % 32 == 0 for n in s[-2:]) for s in shapes)
    assert 0 < on_grid < 50


@pytest.mark.parametrize("op", ["relu", "add", "linear", "layer_norm", "concat", "reshape", "sum"])
def test_most_calls_are_accepted_and_some_are_not(bench: Bench, op: str) -> None:
    accepted = sum(bench.run(c).status is Status.OK for c in sample(calls(op), 100))
    assert 50 <= accepted <= 99


def test_every_kind_of_wrong_operand_occurs() -> None:
    tensors = list(described_tensors([[c.args, c.kwargs] for c in sample(calls("linear"), 600)]))
    assert any(t.get("freed") for t in tensors)
    assert any(t["m"] == "host" for t in tensors)
    assert any(t["l"] == "rm" for t in tensors)
    assert any(isinstance(t["m"], dict) for t in tensors)
    assert any(0 in t["s"] for t in tensors)


def test_an_operation_without_a_strategy() -> None:
    with pytest.raises(KeyError, match=r"no strategy for calls of 'foo'. Write one"):
        calls("foo")
    assert "relu" in PLAUSIBLE


def test_smaller_keeps_what_matters() -> None:
    call = next(c for c in sample(calls("linear"), 200) if "bias" in c.kwargs)
    least = smaller(call, lambda c: "bias" in c.kwargs)
    assert least.kwargs.keys() == {"bias"}
    assert {n for t in described_tensors([least.args, least.kwargs]) for n in t["s"]} == {1}
    assert smaller(call, lambda _: False) == call
