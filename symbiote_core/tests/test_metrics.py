from __future__ import annotations

import math

import pytest
import torch

from symbiote_core import gain, pcc, relative_rms

X = torch.tensor([1.0, 2.0, 4.0])


def test_equal_tensors_have_pcc_one_and_no_error() -> None:
    assert pcc(X, X.clone()) == 1.0
    assert relative_rms(X, X.clone()) == 0.0
    assert gain(X, X.clone()) == 1.0


def test_equal_constant_tensors_have_pcc_one() -> None:
    assert pcc(torch.ones(4), torch.ones(4)) == 1.0


@pytest.mark.parametrize(
    "other", [torch.full((3,), 2.0), torch.zeros(3), torch.tensor([1.0, math.nan, 4.0])]
)
def test_a_constant_or_nan_result_does_not_correlate(other: torch.Tensor) -> None:
    assert pcc(X, other) == 0.0


def test_nan_is_not_a_small_error() -> None:
    assert not relative_rms(X, torch.full((3,), math.nan)) < 1.0


def test_pcc_ignores_scale_and_the_others_tell_it() -> None:
    assert pcc(X, 2 * X) == pytest.approx(1.0)
    assert relative_rms(X, 2 * X) == pytest.approx(1.0)
    assert gain(X, 2 * X) == pytest.approx(2.0)


def test_opposite_tensors() -> None:
    assert pcc(X, -X) == pytest.approx(-1.0)
    assert gain(X, -X) == pytest.approx(-1.0)


def test_zero_expected() -> None:
    zero = torch.zeros(3)
    assert relative_rms(zero, X) == math.inf
    assert relative_rms(zero, zero) == 0.0
    assert gain(zero, X) == 1.0


def test_shapes_need_not_agree_but_counts_do() -> None:
    assert pcc(X.reshape(1, 3), X) == 1.0
    for metric in (pcc, relative_rms, gain):
        with pytest.raises(
            ValueError, match=r"shapes \[3\] and \[1\] can't be compared\. Give two"
        ):
            metric(X, torch.ones(1))
