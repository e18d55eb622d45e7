"""Calls and outcomes as data."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbiote_conformance import Agreement, Bench, Call, Outcome, Status, compare
from symbiote_conformance.strategies import PLAUSIBLE, calls
from symbiote_conformance.strategies.describe import tensor

SPEC = {"s": [2, 33], "p": [32, 64], "d": "BFLOAT16", "l": "TILE", "m": "DRAM/INTERLEAVED"}
OK = Outcome(Status.OK, SPEC)
REFUSED = Outcome(Status.REFUSED, None, "RuntimeError", "no")
CRASHED = Outcome(Status.CRASHED, message="SIGSEGV")
SETUP = Outcome(Status.SETUP, None, "RuntimeError", "no")


@given(st.sampled_from(sorted(PLAUSIBLE)).flatmap(calls))
def test_a_call_survives_json(call: Call) -> None:
    assert Call.from_json(json.loads(json.dumps(call.as_json()))) == call


@pytest.mark.parametrize("outcome", [OK, REFUSED, CRASHED], ids=["ok", "refused", "crashed"])
def test_an_outcome_survives_json(outcome: Outcome) -> None:
    assert Outcome.from_json(json.loads(json.dumps(outcome.as_json()))) == outcome


def test_a_padded_shape_that_is_left_out_is_the_shape() -> None:
    recorded = {"st": "ok", "out": {"s": [32, 64], "d": "F", "l": "TILE", "m": "HOST", "alias": 0}}
    wanted = {"s": [32, 64], "p": [32, 64], "d": "F", "l": "TILE", "m": "HOST"}
    assert Outcome.from_json(recorded).out == wanted


@pytest.mark.parametrize(
    ("here", "ttnn", "agreement"),
    [
        (OK, OK, Agreement.AGREE),
        (REFUSED, REFUSED, Agreement.AGREE),
        (REFUSED, CRASHED, Agreement.AGREE),
        (OK, REFUSED, Agreement.ACCEPTED),
        (OK, CRASHED, Agreement.ACCEPTED),
        (REFUSED, OK, Agreement.REFUSED),
        (SETUP, OK, Agreement.REFUSED),
        (OK, SETUP, Agreement.UNKNOWN),
        *(
            (Outcome(Status.OK, {**SPEC, key: other}), OK, Agreement.WRONG_SPEC)
            for key, other in [
                ("s", [33, 2]),
                ("p", [64, 64]),
                ("d", "FLOAT32"),
                ("l", "ROW_MAJOR"),
                ("m", "L1/INTERLEAVED"),
            ]
        ),
    ],
)
def test_agreement(here: Outcome, ttnn: Outcome, agreement: Agreement) -> None:
    assert compare(here, ttnn) is agreement


def test_a_call_and_its_outcome_are_readable() -> None:
    call = Call("add", [tensor([2, 33], "float32"), 1.5], {"memory_config": {"$": "mc", "v": "l1"}})
    assert str(call) == "add(T[2, 33] float32 tile dram, 1.5, memory_config=l1)"
    outcome = Bench("emulator").run(call)
    assert str(outcome) == "accepted: [2, 33](pad [32, 64]) FLOAT32 TILE L1/INTERLEAVED"


def test_a_stray_exception_names_no_operation() -> None:
    bench = Bench("emulator")
    assert bench.run(Call("relu", ["x"])).named
    assert not bench.run(Call("__getitem__", [tensor([2, 2])])).named


def test_operands_that_cannot_be_built_are_no_answer() -> None:
    outcome = Bench("emulator").run(Call("relu", [tensor([2, 2], "bfloat8_b", "rm")]))
    assert outcome.status is Status.SETUP
