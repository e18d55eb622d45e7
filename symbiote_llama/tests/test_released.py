"""Models that are read from their checkpoint layer by layer, and whose torch weights are let go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from llama_models import build, prompt

from symbiote_core import FallbackWarning, accelerate, report, restore, runtime_of, without_weights


@pytest.fixture(params=[False, True], ids=["untied", "tied"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Any, Path]:
    """A model, and the folder it was saved in."""
    model = build(tie_word_embeddings=request.param)
    model.save_pretrained(tmp_path)
    return model, tmp_path


def hollow(model: Any) -> Any:
    with without_weights():
        return type(model)(model.config).eval()


def test_a_model_is_read_from_its_checkpoint_as_it_is_converted(
    emulator: Any, saved: tuple[Any, Path]
) -> None:
    original, folder = saved
    expected_state = original.state_dict()
    model = hollow(original)
    accelerate(model, emulator, strict=True, checkpoint=folder)
    assert (model.device, model.dtype) == (torch.device("cpu"), torch.float32)
    told = model.state_dict()
    assert told.keys() == expected_state.keys()
    assert all(torch.equal(told[name], value) for name, value in expected_state.items())
    ids = prompt(2, 9)
    logits = model(ids).logits
    text = model.generate(ids, max_new_tokens=5, do_sample=False)
    accelerate(original, emulator, strict=True)
    assert torch.equal(logits, original(ids).logits)
    assert torch.equal(text, original.generate(ids, max_new_tokens=5, do_sample=False))


def test_let_go_torch_weights_come_back(
    emulator: Any, saved: tuple[Any, Path], tmp_path: Path
) -> None:
    original, folder = saved
    ids = prompt(2, 9)
    expected, state = original(ids).logits, dict(original.state_dict())
    state = {name: value.clone() for name, value in state.items()}
    accelerate(original, emulator, checkpoint=folder, release_torch_weights=True)
    original(ids)
    causal = torch.full((2, 1, 9, 9), float("-inf")).triu(1)  # says more than what is padding
    with pytest.warns(FallbackWarning, match="takes no mask"):
        on_torch = original(ids, attention_mask=causal).logits
    assert torch.allclose(on_torch, expected, atol=0.05)
    original.save_pretrained(tmp_path / "again")
    assert report(original).fallback_count > 0
    restore(original)
    assert torch.equal(original(ids).logits, expected)
    again = type(original).from_pretrained(tmp_path / "again").state_dict()
    assert all(torch.equal(again[name], value) for name, value in state.items())


def test_a_model_whose_weights_are_freed_after_each_call_needs_one_layers_memory(
    emulator: Any,
) -> None:
    ids, kept, freed = prompt(2, 9), build(num_hidden_layers=4), build(num_hidden_layers=4)
    memory = runtime_of(emulator).memory
    accelerate(kept, emulator, strict=True)
    resident = memory(emulator).allocated
    expected = kept.generate(ids, max_new_tokens=6, do_sample=False)
    restore(kept)
    nothing = memory(emulator).allocated
    config = {"deallocate_weights_after": True}
    told = accelerate(freed, emulator, strict=True, model_config=config)
    assert {m.weights for m in told.modules if m.parameters} == {"host"}
    assert memory(emulator).allocated == nothing
    assert torch.equal(freed.generate(ids, max_new_tokens=6, do_sample=False), expected)
    # The rotary tables stay.
    assert memory(emulator).allocated - nothing < (resident - nothing) / 4
    assert report(freed).fallbacks == ()
