"""Batch: a row is answered alike whatever stands beside it."""

from __future__ import annotations

from typing import Any, Final

import pytest
import torch

from symbiote_conformance.closeness import REPEATED, Closeness, measure
from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.comparing import pairs
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.swapped import RefusedError, Swapped
from symbiote_core.structure import map_leaves

LAST_BITS: Final = 2.0**-16
"""Relative noise that stands for sums in float32 in another order; a bfloat16 rounds by 2**-9."""

TRIES: Final = 4
"""How often noise is added; it may make no value round otherwise by chance."""

ROOM: Final = 2.0
"""How many times as far as the answer with noise the answer in another batch may be."""


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
                    for (index, name, own_row, got), (*_, torchs, mine) in zip(
                        wanted, whole, strict=True
                    ):
                        if not mine.ndim or len(mine) != call.batch or len(own_row) != 1:
                            continue
                        if not measure(own_row, torchs[row : row + 1]).within(REPEATED):
                            continue
                        measured = measure(got, mine[row : row + 1])
                        compared += 1
                        if measured.within(REPEATED):
                            continue
                        allowed = _eased(case, both, call, row, index)
                        if not measured.within(allowed):
                            raise ConformanceError(
                                case.title,
                                f"{name} of row {row} depends on the rows beside it: {measured} "
                                f"between the row alone and in the batch (allowed: {allowed})",
                                call,
                            )
            except RefusedError:
                return

        case.explore(holds)
    if not compared:
        pytest.skip(f"{case.title}: it takes no batches, or answers none row by row in torch")


def _eased(case: Case, both: Swapped, call: TorchCall, row: int, index: int) -> Closeness:
    """The bound for one output of one row, wider where several kernels move it by themselves.

    Torch code between them sums in another order in another batch. The last bits that this moves
    make a value round otherwise; behind it more values do, up to all that roundings can move.
    """
    if not case.is_coarse:
        return REPEATED
    wanted = both.answer(call, row)[index]
    assert wanted is not None
    bound = REPEATED
    generator = torch.Generator().manual_seed(0)

    def moved(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point():
            return leaf
        noise = torch.rand(leaf.shape, generator=generator).to(leaf.dtype) * 2.0 - 1.0
        return leaf * (1.0 + LAST_BITS * noise)

    for _ in range(TRIES):
        args, kwargs = map_leaves(moved, call.row(row))
        found = both.run(call, args, kwargs)[index]
        assert found is not None
        seen = measure(wanted, found)
        bound = Closeness(
            bound.pcc if seen.pcc is None else min(bound.pcc, 1.0 - ROOM * (1.0 - seen.pcc)),
            max(bound.relative_rms, ROOM * seen.relative_rms),
            bound.gain if seen.gain is None else max(bound.gain, ROOM * abs(seen.gain - 1.0)),
        )
    return bound
