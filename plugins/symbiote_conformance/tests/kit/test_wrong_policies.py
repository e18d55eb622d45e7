"""Policies that are wrong, and the check that finds it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import torch
from torch import nn
from wrong_kernels import (
    ConvertsTwice,
    HiddenDownload,
    Leaks,
    MixesRows,
    RefusesEverything,
    Stale,
    TooLoud,
    TTNNLinear,
)

from symbiote_conformance import ConformanceError, ModelSubject, takes
from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.checks import POLICY_CHECKS
from symbiote_core import KernelSpec, Policy, Rule, TTNNModule


class TwoLayers(nn.Module):
    """Two linear layers, an activation between them, and one layer more that nobody calls."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(64, 64), nn.Linear(64, 64)
        self.spare = nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.second(torch.relu(self.first(x)))
        return out


class ComparesRows(TwoLayers):
    """What it says of a row depends on the others, as that of a contrastive model does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = super().forward(x).mean(1)
        return rows @ rows.T


class SumsInAnotherOrder(nn.Module):
    """Many layers, with a normal value for each, behind torch code whose last bits vary."""

    def __init__(self) -> None:
        super().__init__()
        layers = [(nn.Linear(64, 64), nn.Tanh(), nn.LayerNorm(64)) for _ in range(12)]
        self.first = nn.Linear(64, 64)
        self.rest = nn.Sequential(*(part for layer in layers for part in layer))
        self.second = nn.Linear(64, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + torch.sin(x) * (1.0 + len(x) * 2.0**-22)
        out: torch.Tensor = self.second(self.rest(self.first(x)))
        return out


def case_of(
    kernel: type[TTNNModule], *paths: str, model: type[nn.Module] = TwoLayers, **changes: Any
) -> Case:
    rules = (
        Rule(nn.Linear, KernelSpec("mine", nn.Linear, kernel), paths=("first",)),
        Rule(nn.Linear, KernelSpec("TTNNLinear", nn.Linear, TTNNLinear), paths=paths or ("s*d",)),
    )
    policy = Policy("mine", (), rules, plugin="mine")
    subject = ModelSubject(policy, model, [takes("B", "S", 64)], label="TwoLayers")
    return Case(attrs.evolve(subject, **changes), None, policy, "mine", examples=10)


@pytest.mark.parametrize("check", POLICY_CHECKS)
@pytest.mark.parametrize("model", [TwoLayers, SumsInAnotherOrder])
def test_a_right_policy_passes(check: str, model: type[nn.Module]) -> None:
    POLICY_CHECKS[check](case_of(TTNNLinear, model=model))


def test_a_model_that_compares_rows_is_not_judged_row_by_row() -> None:
    with pytest.raises(pytest.skip.Exception, match="answers none row by row in torch"):
        POLICY_CHECKS["batch"](case_of(TTNNLinear, model=ComparesRows))
    POLICY_CHECKS["parity"](case_of(TTNNLinear, model=ComparesRows))


@pytest.mark.parametrize(
    ("kernel", "check", "says"),
    [
        (TooLoud, "parity", "the output is not torch's"),
        (RefusesEverything, "parity", "a call is left to torch"),
        (RefusesEverything, "report", "calls of kernels ran on torch, for one RefusesEverything"),
        (Stale, "state", "the weights are stale"),
        (ConvertsTwice, "sharing", "of a model with tied matrices"),
        (Leaks, "leaks", "bytes on the device"),
        (MixesRows, "batch", "depends on the rows beside it"),
        (HiddenDownload, "downloads", "of which the report shows"),
    ],
)
def test_a_policy_with_a_wrong_kernel_is_found(
    kernel: type[TTNNModule], check: str, says: str
) -> None:
    with pytest.raises(ConformanceError) as caught:
        POLICY_CHECKS[check](case_of(kernel))
    said = str(caught.value)
    assert said.startswith("policy mine:TwoLayers (plugin mine): ")
    assert says in said


def test_a_kernel_that_no_forward_calls_is_found() -> None:
    with pytest.raises(ConformanceError, match=r"calls none of these kernels: TTNNLinear at 'spar"):
        POLICY_CHECKS["report"](case_of(TTNNLinear, "s*"))


def test_a_model_that_nothing_is_replaced_in_is_found() -> None:
    with pytest.raises(ConformanceError, match="replaces nothing in this Sequential"):
        POLICY_CHECKS["parity"](case_of(TTNNLinear, model=lambda: nn.Sequential(nn.GELU())))  # type: ignore[arg-type]
