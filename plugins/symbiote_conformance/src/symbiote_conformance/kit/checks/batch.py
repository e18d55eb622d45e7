"""Batch: a row is answered alike whatever stands beside it."""

from __future__ import annotations

import pytest

from symbiote_conformance.closeness import REPEATED, measure
from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.comparing import pairs
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.swapped import RefusedError


def batch(case: Case) -> None:
    """Each row of many batches, called alone, gets what it got among the others.

    Outputs for which that does not hold in torch are left out: a model may compare its rows.
    """
    compared = 0
    with case.swapped() as both:

        def holds(call: TorchCall) -> None:
            nonlocal compared
            if call.batch < 2:
                return
            try:
                together = both.answer(call)
                golden = both.golden(call)
                for row in range(call.batch):
                    alone, own = both.answer(call, row), both.golden(call, row)
                    wanted = pairs(case.title, own, alone, call, case.returns_everything)
                    whole = pairs(case.title, golden, together, call, case.returns_everything)
                    for (_, name, own_row, got), (*_, torchs, mine) in zip(
                        wanted, whole, strict=True
                    ):
                        if not mine.ndim or len(mine) != call.batch or len(own_row) != 1:
                            continue
                        if not measure(own_row, torchs[row : row + 1]).within(REPEATED):
                            continue
                        measured = measure(got, mine[row : row + 1])
                        compared += 1
                        if not measured.within(REPEATED):
                            raise ConformanceError(
                                case.title,
                                f"{name} of row {row} depends on the rows beside it: {measured} "
                                f"between the row alone and in the batch (allowed: {REPEATED})",
                                call,
                            )
            except RefusedError:
                return

        case.explore(holds)
    if not compared:
        pytest.skip(f"{case.title}: it takes no batches, or answers none row by row in torch")
