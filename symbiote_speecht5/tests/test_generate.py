"""``generate_speech`` and ``generate`` go on working, unchanged."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from speech_models import assert_close, build, padded_text, speaker, speech, text
from transformers import set_seed

from symbiote_core import accelerate, report


def on_torch(model: Any) -> list[int]:
    """How many modules and operations ran on torch."""
    said = report(model)
    return [said.fallback_count, sum(o.count for o in said.op_fallbacks)]


def spoken(model: Any, inputs: torch.Tensor, **options: Any) -> Any:
    """A spectrogram of a seeded generation of set length."""
    set_seed(1)
    chosen = {"minlenratio": 0.8, "maxlenratio": 0.9} | options
    voices = speaker(model, len(inputs))
    return model.generate_speech(inputs, voices, **chosen)


def test_speech_of_text_agrees_with_torch(emulator: Any) -> None:
    model, ids = build(), text(1, 20)
    expected = spoken(model, ids)
    accelerate(model, emulator, strict=True)
    actual = spoken(model, ids)
    assert type(actual) is torch.Tensor
    assert_close(expected, actual)
    assert on_torch(model) == [0, 0]
    assert torch.equal(actual, spoken(model, ids))  # the same seed, the same speech
    set_seed(1)
    voices = speaker(model)
    again = model.generate(ids, speaker_embeddings=voices, minlenratio=0.8, maxlenratio=0.9)
    assert torch.equal(actual, again)


def test_speech_of_a_padded_batch_agrees_with_torch(emulator: Any) -> None:
    model = build()
    ids, mask = padded_text([20, 5, 12])
    options = {"attention_mask": mask, "return_output_lengths": True}
    expected, lengths = spoken(model, ids, **options)
    accelerate(model, emulator, strict=True)
    actual, same = spoken(model, ids, **options)
    assert same == lengths
    assert_close(expected, actual)
    assert on_torch(model) == [0, 0]


def test_speech_of_speech_agrees_with_torch(emulator: Any) -> None:
    model, samples = build("s2s"), speech(2, 900)
    expected = spoken(model, samples)
    accelerate(model, emulator, strict=True)
    assert_close(expected, spoken(model, samples))
    assert on_torch(model) == [0, 0]


def test_cross_attentions_come_from_torch_and_visibly(emulator: Any) -> None:
    model, ids = build(), text(1, 12)
    expected, weights = spoken(model, ids, output_cross_attentions=True)
    accelerate(model, emulator)
    with pytest.warns(UserWarning, match="ran on torch instead"):
        actual, same = spoken(model, ids, output_cross_attentions=True)
    assert_close(expected, actual)
    assert_close(weights, same)


USES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "sampling": {"do_sample": True, "temperature": 0.7},
    "beams": {"num_beams": 3},
    "without cache": {"use_cache": False},
}


def transcribed(model: Any, samples: torch.Tensor, **options: Any) -> Any:
    set_seed(0)
    chosen = {"max_new_tokens": 10, "do_sample": False} | options
    return model.generate(
        samples, return_dict_in_generate=True, output_logits=True, output_scores=True, **chosen
    )


@pytest.mark.parametrize("use", USES)
def test_transcription_agrees_with_torch(emulator: Any, use: str) -> None:
    model, samples = build("asr"), speech(2, 900)
    mask = (torch.arange(900) < torch.tensor([[900], [600]])).long()
    options = USES[use] | {"attention_mask": mask}
    expected = transcribed(model, samples, **options)
    accelerate(model, emulator, strict=True)
    actual = transcribed(model, samples, **options)
    assert actual.sequences.shape == expected.sequences.shape
    assert_close(expected.logits[0], actual.logits[0])
    assert_close(expected.logits[1], actual.logits[1])
    assert on_torch(model) == [0, 0]
    if "do_sample" not in USES[use]:
        same = (expected.sequences == actual.sequences).all(0).long().cumprod(0).sum()
        assert same >= 4
