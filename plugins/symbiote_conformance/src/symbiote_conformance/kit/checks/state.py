"""State: ``state_dict`` shows torch's weights, and new ones are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.preparing import other_weights
from symbiote_conformance.kit.swapped import Swapped


def state(case: Case) -> None:
    """The ``state_dict`` is that of the torch module all along, and what is loaded is used."""
    with case.swapped() as both:
        call = case.accepted(both)
        before = both.original.state_dict()
        require_state(case, both, before, "after a call")
        both.empty()
        require_state(case, both, before, "after deallocate_weights")
        both.answer(call)

        changed = other_weights(both.original, seed=1)
        if all(torch.equal(value, changed[key]) for key, value in before.items()):
            return  # nothing in it to load
        both.original.load_state_dict(changed)
        try:
            both.model.load_state_dict(changed)
        except Exception as error:
            raise ConformanceError(case.title, f"load_state_dict fails: {error}", None) from error
        require_state(case, both, changed, "after load_state_dict")
        stale = " after load_state_dict: the weights are stale"
        case.require_torchs(both, call, both.answer(call), when=stale)

        with torch.no_grad():
            for model in (both.original, both.model):
                for parameter in model.parameters():
                    if parameter.is_floating_point():
                        parameter.mul_(0.5)
        stale = " after its parameters were written to in place: the weights are stale"
        case.require_torchs(both, call, both.answer(call), when=stale)


def require_state(case: Case, both: Swapped, wanted: Mapping[str, Any], when: str) -> None:
    """Raise `ConformanceError` unless the swapped model's ``state_dict`` is ``wanted``."""
    found = both.model.state_dict()
    if list(found) != list(wanted):
        lost = [key for key in wanted if key not in found]
        new = [key for key in found if key not in wanted]
        raise ConformanceError(
            case.title,
            f"state_dict {when} has not the keys that torch's has: without {lost}, with {new} "
            "beside them, or in another order",
        )
    for key, value in wanted.items():
        if not torch.equal(value, found[key]):
            raise ConformanceError(
                case.title,
                f"{key} in state_dict {when} is not what torch has there",
                None,
                "Convert copies of the weights; the torch layer keeps its own.",
            )
