"""Models that no policy of their own is for: right answers, a report, nothing left behind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from generic_models import MODELS, assert_near, build, outputs
from torch import nn

from symbiote_core import accelerate, plan, report, restore


@pytest.mark.parametrize("name", MODELS)
def test_outputs_agree_with_torch_and_the_model_comes_back(emulator: Any, name: str) -> None:
    model, inputs = build(name), MODELS[name].inputs()
    expected = dict(outputs(model, inputs))
    modules = list(model.modules())
    state = {key: value.clone() for key, value in model.state_dict().items()}

    told = accelerate(model, emulator)
    assert told.policies == (("generic", "ttnn"),)
    for _ in range(2):
        actual = dict(outputs(model, inputs))
        assert actual.keys() == expected.keys()
        for key, value in expected.items():
            assert_near(value, actual[key], MODELS[name].rms)
    told = report(model)
    assert told.fallback_count == 0
    assert {o.op for o in told.op_fallbacks} <= MODELS[name].on_torch
    assert told.modules
    # In transformers 5 the stacks of a T5 have tables of their own beside the one that they share.
    assert {m.paths[0] for m in told.modules if not m.calls} <= {"shared"}
    after = model.state_dict()
    assert list(after) == list(state)
    assert all(torch.equal(after[key], value) for key, value in state.items())

    restore(model)
    assert all(a is b for a, b in zip(model.modules(), modules, strict=True))
    again = dict(outputs(model, inputs))
    assert all(torch.equal(again[key], value) for key, value in expected.items())
    assert emulator.memory(_dram()).live_bytes == 0


@pytest.mark.parametrize("name", MODELS)
def test_what_stays_on_torch_is_told_with_a_reason(name: str) -> None:
    model = build(name)
    made = plan(model)
    assert made.policy == "generic"
    below = {r.path for r in made.replacements}
    listed = below | {k.path for k in made.kept}
    assert all(k.reason for k in made.kept)
    for path, module in model.named_modules():
        inside = any(path.startswith(f"{p}.") for p in below)
        idle = isinstance(module, (nn.Dropout, nn.Identity))
        assert path in listed or inside or idle or list(module.children()), path


def _dram() -> Any:
    from symbiote_emulator import ttnn

    return ttnn.BufferType.DRAM
