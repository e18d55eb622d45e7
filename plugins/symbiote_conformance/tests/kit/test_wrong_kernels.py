"""Every wrong kernel is found by the check that is there for it, and a right one by none."""

from __future__ import annotations

import pytest
from torch import nn
from wrong_kernels import WRONG, Wrong

from symbiote_conformance import ConformanceError, Subject, takes
from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.checks import KERNEL_CHECKS
from symbiote_conformance.kit.subjects import spec_of
from symbiote_ttnn import TTNNLinear


def case_of(subject: Subject) -> Case:
    spec = spec_of(subject, {})
    assert spec is not None
    return Case(subject, spec, None, spec.plugin, examples=15)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.kernel.__name__)
def test_a_wrong_kernel_is_found_by_the_check_for_it(wrong: Wrong) -> None:
    with pytest.raises(ConformanceError) as caught:
        KERNEL_CHECKS[wrong.check](case_of(wrong.subject))
    said = str(caught.value)
    assert said.startswith(f"kernel {wrong.kernel.__name__} (plugin wrong_kernels): ")
    assert wrong.says in said
    assert wrong.finds in said.partition("smallest call: ")[2]


@pytest.mark.parametrize("check", KERNEL_CHECKS)
def test_a_right_kernel_passes(check: str) -> None:
    right = Subject(TTNNLinear, lambda: nn.Linear(64, 64), [takes("B", "S", 64)])
    KERNEL_CHECKS[check](case_of(right))


def test_every_check_finds_something() -> None:
    assert {wrong.check for wrong in WRONG} == set(KERNEL_CHECKS)


def test_a_failure_tells_what_was_measured_and_what_is_allowed() -> None:
    loud = next(wrong for wrong in WRONG if wrong.kernel.__name__ == "TooLoud")
    with pytest.raises(ConformanceError) as caught:
        KERNEL_CHECKS["parity"](case_of(loud.subject))
    problem, call = str(caught.value).splitlines()
    assert problem == (
        "kernel TooLoud (plugin wrong_kernels): the output is not torch's: PCC 0.999997, "
        "relative RMS 0.0205, gain 1.0204 (allowed: PCC >= 0.9995, relative RMS <= 0.02, "
        "gain 1 +- 0.01)"
    )
    assert call == "smallest call: ([1, 1, 64] float32 normal values, seed 0)"
