"""The size of ``microsoft/speecht5_tts``: seeded weights, the outputs beside torch's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from speech_models import (
    assert_close,
    build_real,
    forward,
    on_host,
    padded_text,
    speaker,
    spectrogram,
)
from transformers import DynamicCache, EncoderDecoderCache, SpeechT5HifiGan, SpeechT5HifiGanConfig

from symbiote_core import accelerate, close_device, open_device, pcc, relative_rms, report

STEPS = 50


def decoded(model: Any, ids: torch.Tensor, mask: torch.Tensor, frames: torch.Tensor) -> Any:
    """Fifty steps with teacher forcing: last hidden states, spectra and stop logits of each."""
    decoder, head = model.speecht5.decoder, model.speech_decoder_postnet
    voices = speaker(model, len(ids))
    states = model.speecht5.encoder(ids, attention_mask=mask)[0]
    halves = (DynamicCache(config=model.config) for _ in range(2))
    cache = EncoderDecoderCache(*halves)
    found: list[list[torch.Tensor]] = [[], [], []]
    torch.manual_seed(5)
    for count in range(1, STEPS + 1):
        rows = decoder.prenet(frames[:, :count], voices)
        out = decoder.wrapped_decoder(
            rows[:, -1:],
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
        )
        last = out.last_hidden_state.squeeze(1)
        new = on_host(last), head.feat_out(last), head.prob_out(last)
        for kept, tensor in zip(found, new, strict=True):
            kept.append(tensor)
    return [torch.stack(kept, dim=1) for kept in found]


@pytest.fixture(scope="module")
def real() -> Iterator[Any]:
    """What torch gives, and what the swapped model gives: a forward, and fifty steps."""
    device = open_device("emulator")
    with torch.no_grad():
        model = build_real()
        ids, mask = padded_text([40, 23])
        frames = spectrogram(model, 2, STEPS)
        given = {
            "input_ids": ids,
            "attention_mask": mask,
            "decoder_input_values": frames,
            "speaker_embeddings": speaker(model, 2),
            "output_hidden_states": True,
        }

        def everything() -> Any:
            return forward(model, **given), decoded(model, ids, mask, frames)

        expected = everything()
        accelerate(model, device, strict=True)
        yield expected, everything(), report(model)
    close_device(device)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_each_layer_of_a_real_size(real: Any, half: str) -> None:
    """Layer behind layer, with the errors of those before."""
    (expected, _), (actual, _), _ = real
    name = f"{half}_hidden_states"
    pairs = list(zip(getattr(expected, name), getattr(actual, name), strict=True))
    assert len(pairs) == 1 + {"encoder": 12, "decoder": 6}[half]
    for want, got in pairs:
        assert_close(want, got, least=0.999, rms=0.03)


def test_the_spectrogram_of_a_real_size(real: Any) -> None:
    (expected, _), (actual, _), said = real
    assert_close(expected.spectrogram, actual.spectrogram, least=0.99, rms=0.05)
    assert said.fallback_count == 0
    assert not said.op_fallbacks


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["hidden states", "spectra", "stop logits"])
def test_fifty_steps_with_teacher_forcing(real: Any, kind: int) -> None:
    (_, expected), (_, actual), _ = real
    want, got = expected[kind], actual[kind]
    assert want.shape[1] == STEPS
    assert_close(want, got, least=0.999, rms=0.03)
    if kind < 2:  # each step by itself, the last as good as the first
        steps = [
            (pcc(want[:, t], got[:, t]), relative_rms(want[:, t], got[:, t])) for t in range(STEPS)
        ]
        assert min(p for p, _ in steps) > 0.999
        assert max(r for _, r in steps) < 0.03


def test_a_vocoder_of_a_real_size(emulator: Any) -> None:
    torch.manual_seed(0)
    vocoder = SpeechT5HifiGan(SpeechT5HifiGanConfig()).eval()
    for parameter in vocoder.parameters():  # transformers starts them too small to be heard
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 100
        parameter.copy_(torch.randn_like(parameter) * fan_in**-0.5)
    spectra = torch.randn(20, 80)
    expected = vocoder(spectra)
    accelerate(vocoder, emulator, strict=True)
    assert_close(expected, vocoder(spectra), least=0.999, rms=0.02)
