"""Parity: the answers are torch's, and the inputs are left as they are."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.handed_on import HandedOn
from symbiote_conformance.kit.swapped import RefusedError, Swapped
from symbiote_core.structure import leaves


def parity(case: Case) -> None:
    """Many calls with torch tensors, and again with tensors that are on the device already.

    A kernel may leave some calls to torch on purpose (``UnsupportedInputError``), but not all; a
    policy may leave none.
    """
    refusals: list[str] = []
    accepted = 0
    with case.swapped() as both:

        def holds(call: TorchCall) -> None:
            nonlocal accepted
            golden = both.golden(call)
            try:
                _with_torch_tensors(case, both, call, golden)
                if not case.is_coarse:
                    _with_device_tensors(case, both, call, golden)
            except RefusedError as refused:
                if case.kernel is None:
                    problem = f"a call is left to torch: {refused}"
                    raise ConformanceError(case.title, problem, call) from refused
                refusals.append(str(refused))
            else:
                accepted += 1

        case.explore(holds)
    if not accepted:
        raise case.refused(refusals[0])


def _with_torch_tensors(case: Case, both: Swapped, call: TorchCall, golden: Any) -> None:
    args, kwargs = call.tensors()
    before = _copies((args, kwargs))
    out = both.run(call, args, kwargs)
    case.require_torchs(both, call, out, golden)
    after = _copies((args, kwargs))
    if not all(torch.equal(a, b) for a, b in zip(before, after, strict=True)):
        raise ConformanceError(case.title, "it writes to a torch tensor of its input", call)


def _with_device_tensors(case: Case, both: Swapped, call: TorchCall, golden: Any) -> None:
    given = HandedOn.of(both, call)
    if given is None:
        return
    out = both.run(call, given.args, given.kwargs)
    case.require_torchs(both, call, out, golden, " for inputs on the device")
    given.require_untouched(both, call)


def _copies(value: Any) -> list[torch.Tensor]:
    return [leaf.clone() for leaf in leaves((value,)) if isinstance(leaf, torch.Tensor)]
