"""Models that generate text do so swapped, with transformers' own caches."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from generic_models import MODELS, build, ids, padding

from symbiote_core import accelerate, report, restore

GENERATING = [name for name, small in MODELS.items() if small.generates]
NEW = 6


def prompt(name: str, left: bool) -> dict[str, torch.Tensor]:
    """Inputs to generate from; for models without an encoder, padded on the left."""
    inputs = MODELS[name].inputs()
    inputs.pop("decoder_input_ids", None)
    if left and "attention_mask" in inputs:
        inputs["attention_mask"] = padding(left=True)
    return inputs


def generated(model: Any, name: str, **how: Any) -> torch.Tensor:
    tokens: torch.Tensor = model.generate(
        **prompt(name, not model.config.is_encoder_decoder),
        max_new_tokens=NEW,
        min_new_tokens=NEW,
        pad_token_id=0,
        **how,
    )
    return tokens


def short_of_best(model: Any, name: str, tokens: torch.Tensor) -> float:
    """How far torch's logits of the chosen tokens lie below its best ones, in their deviation."""
    inputs = prompt(name, not model.config.is_encoder_decoder)
    if model.config.is_encoder_decoder:
        if tokens.shape[1] == NEW:  # whisper gives what it generated alone
            start = torch.full_like(tokens[:, :1], model.config.decoder_start_token_id)
            tokens = torch.cat([start, tokens], 1)
        logits = model(**inputs, decoder_input_ids=tokens).logits
    else:
        mask = torch.cat([inputs["attention_mask"], torch.ones(len(tokens), NEW).long()], 1)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        more = {} if name == "opt" else {"position_ids": positions}
        logits = model(input_ids=tokens, attention_mask=mask, **more).logits
    chosen = tokens[:, -NEW:]
    before = logits[:, -NEW - 1 : -1].clone()
    ends = model.generation_config.eos_token_id
    before[..., ends] = -torch.inf  # min_new_tokens
    best = before.max(-1).values - before.gather(-1, chosen[..., None])[..., 0]
    return float(best.max() / logits.std())


@pytest.mark.parametrize("name", GENERATING)
def test_what_is_generated_is_what_torch_finds_best(emulator: Any, name: str) -> None:
    model = build(name)
    expected = generated(model, name)
    accelerate(model, emulator)
    actual = generated(model, name)
    told = report(model)
    assert told.fallback_count == 0
    restore(model)
    assert actual.shape == expected.shape
    assert torch.equal(generated(model, name), expected)
    assert short_of_best(model, name, expected) < 1e-4
    assert short_of_best(model, name, actual) < 0.05


@pytest.mark.parametrize("name", ["gpt2", "t5"])
def test_beams_and_samples(emulator: Any, name: str) -> None:
    model = build(name)
    accelerate(model, emulator)
    beams = generated(model, name, num_beams=2, num_return_sequences=2)
    torch.manual_seed(0)
    samples = generated(model, name, do_sample=True)
    assert len(beams) == 2 * len(samples) == 4
    assert report(model).fallback_count == 0


def test_a_step_of_gpt2_stays_on_the_device(emulator: Any) -> None:
    model = build("gpt2")
    accelerate(model, emulator)
    cache = model(input_ids=ids(), use_cache=True).past_key_values
    before = report(model).traffic
    model(input_ids=ids()[:, :1], past_key_values=cache, use_cache=True)
    after = report(model).traffic
    assert after.uploads - before.uploads == 2  # the token and its position
    assert after.downloads - before.downloads == 1
    assert report(model).op_fallbacks == ()
