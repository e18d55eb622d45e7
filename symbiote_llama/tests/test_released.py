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
    with pytest.warns(FallbackWarning, match="takes no cache"):
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


@pytest.mark.parametrize("way", ["whole", "read from its checkpoint", "let go"])
def test_a_tied_head_is_one_matrix_on_the_device_if_torch_looks_rows_up(
    emulator: Any, tmp_path: Path, way: str
) -> None:
    """TTNN looks up rows in one layout and multiplies in another: by default there are two."""
    model, ids = build(tie_word_embeddings=True), prompt(2, 9)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    memory = runtime_of(emulator).memory
    nothing = memory(emulator).allocated
    accelerate(model, emulator, strict=True)
    two = memory(emulator).allocated
    expected = model.generate(ids, max_new_tokens=6, do_sample=False)
    restore(model)
    options: dict[str, Any] = {"exclude": "model.embed_tokens", "strict": True}
    if way != "whole":
        model.save_pretrained(tmp_path)
        options |= {"checkpoint": tmp_path, "release_torch_weights": way == "let go"}
        model = hollow(model) if way == "read from its checkpoint" else model
    accelerate(model, emulator, **options)
    assert two - memory(emulator).allocated == 2 * 96 * 128  # bfloat16, vocabulary, features
    assert torch.equal(model.generate(ids, max_new_tokens=6, do_sample=False), expected)
    told = report(model)
    assert (told.fallbacks, told.op_fallbacks) == ((), ())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    restore(model)
    assert memory(emulator).allocated == nothing
