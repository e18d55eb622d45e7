"""Run SpeechT5 models on the mock chip named on the command line.

Prints what happened as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import torch
from judging import allocated, device_operations
from speech_models import (
    build,
    build_real,
    build_vocoder,
    forward,
    padded_text,
    speaker,
    spectrogram,
    speech,
    text,
)
from transformers import DynamicCache, EncoderDecoderCache, SpeechT5HifiGan, SpeechT5HifiGanConfig

from symbiote_core import accelerate, close_device, open_device, report, restore

LENGTHS = (1, 31, 32, 33, 100)
BATCHES = (1, 4, 32)
STEPS = 50


def on_torch(*models: Any) -> list[int]:
    """How many modules and operations ran on torch."""
    said = [report(model) for model in models]
    ops = sum(o.count for one in said for o in one.op_fallbacks)
    return [sum(one.fallback_count for one in said), ops]


def spoken(model: Any, inputs: torch.Tensor, ratio: float, **options: Any) -> list[int]:
    voices = speaker(model, len(inputs))
    limits = {"minlenratio": ratio, "maxlenratio": ratio + 0.05}
    return list(model.generate_speech(inputs, voices, **limits, **options).shape)


def uses() -> dict[str, Any]:
    """What is generated, by model: shapes, and what ran on torch."""
    told: dict[str, Any] = {}
    model, vocoder = build(), build_vocoder()
    accelerate(model, DEVICE, strict=True)
    accelerate(vocoder, DEVICE, strict=True)
    ids, mask = padded_text([20, 5, 12])
    shapes = [
        spoken(model, text(1, 20), 1.0),
        spoken(model, ids, 1.0, attention_mask=mask),
        spoken(model, text(1, 20), 1.0, vocoder=vocoder),
    ]
    own = {"decoder_input_values": spectrogram(model, 3), "speaker_embeddings": speaker(model, 3)}
    out = forward(model, input_ids=ids, attention_mask=mask, **own)
    told["tts"] = [[*shapes, list(out.spectrogram.shape)], on_torch(model, vocoder)]
    restore(model)
    restore(vocoder)

    model, samples = build("asr"), speech(2)
    accelerate(model, DEVICE, strict=True)
    mask = (torch.arange(900) < torch.tensor([[900], [600]])).long()
    plain: dict[str, Any] = {"max_new_tokens": 5, "attention_mask": mask}
    plain |= {"min_new_tokens": 5, "do_sample": False}
    shapes = [
        list(model.generate(samples, **plain, **more).shape)
        for more in ({}, {"num_beams": 3}, {"use_cache": False})
    ]
    told["asr"] = [shapes, on_torch(model)]
    restore(model)

    model = build("s2s")
    accelerate(model, DEVICE, strict=True)
    told["s2s"] = [[spoken(model, samples, 0.1)], on_torch(model)]
    restore(model)
    return told


def steps(model: Any, batch: int) -> dict[str, Any]:
    """Fifty steps of one utterance, by the decoder alone, as generation takes them."""
    told: dict[str, Any] = {}
    decoder, voices = model.speecht5.decoder, speaker(model, batch)
    ids, mask = padded_text([70, *[40] * (batch - 1)])
    states = model.speecht5.encoder(ids, attention_mask=mask)[0]
    halves = (DynamicCache(config=model.config) for _ in range(2))
    cache, frames = EncoderDecoderCache(*halves), spectrogram(model, batch, 200)
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        rows = decoder.prenet(frames[:, :count], voices)
        out = decoder.wrapped_decoder(
            rows[:, -1:],
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
        )
        last = out.last_hidden_state.squeeze(1)
        head = model.speech_decoder_postnet
        head.feat_out(last)
        head.prob_out(last)

    told["first"] = device_operations(step)
    step()
    before = report(model).traffic
    step()
    after = report(model).traffic
    told["traffic"] = [after.uploads - before.uploads, after.downloads - before.downloads]
    told["step"] = device_operations(step)
    step()
    first = [DEVICE.num_program_cache_entries(), *allocated(DEVICE)]
    for _ in range(STEPS):
        step()
    told["left"] = [first, [DEVICE.num_program_cache_entries(), *allocated(DEVICE)]]
    return told


def traffic_of(model: Any, call: Callable[[], Any]) -> list[int]:
    before = report(model).traffic
    call()
    after = report(model).traffic
    return [after.uploads - before.uploads, after.downloads - before.downloads]


def text_to_speech() -> dict[str, Any]:
    """Encoder, steps and postnet of real width."""
    told: dict[str, Any] = {}
    model = build_real(encoder_layers=1, decoder_layers=1)
    accelerate(model, DEVICE, strict=True)
    encoder = model.speecht5.encoder
    for length in LENGTHS:
        told[f"text {length}"] = list(encoder(text(1, length))[0].shape)
    ids, mask = padded_text([100, 60])
    for name, given in (("encoder", (text(1, 100), None)), ("masked encoder", (ids, mask))):

        def encode(given: Any = given) -> Any:
            return encoder(given[0], attention_mask=given[1])

        encode()
        told[name] = device_operations(encode)
        told[f"{name} traffic"] = traffic_of(model, encode)
    for batch in BATCHES:
        told |= {f"{name} {batch}": value for name, value in steps(model, batch).items()}
    refine, spectra = model.speech_decoder_postnet.postnet, spectrogram(model, 1, 100)
    refine(spectra)
    told["postnet"] = device_operations(lambda: refine(spectra))
    told["on torch"] = on_torch(model)
    restore(model)
    return told


def speech_prenet() -> dict[str, Any]:
    """What becomes of a second of speech before the encoder."""
    model = build_real("asr", encoder_layers=1, decoder_layers=1)
    accelerate(model, DEVICE, strict=True)
    prenet, second = model.speecht5.encoder.prenet, speech(1, 16000)
    prenet(second)
    told = {"speech prenet": device_operations(lambda: prenet(second))}
    told["speech on torch"] = on_torch(model)
    restore(model)
    return told


def real_vocoder() -> dict[str, Any]:
    """A waveform from the vocoder of real width."""
    torch.manual_seed(0)
    vocoder = SpeechT5HifiGan(SpeechT5HifiGanConfig()).eval()
    accelerate(vocoder, DEVICE, strict=True)
    spectra = torch.randn(60, 80)
    told: dict[str, Any] = {"waveform": list(vocoder(spectra).shape)}
    told["vocoder"] = len(device_operations(lambda: vocoder(spectra)))
    told["vocoder on torch"] = on_torch(vocoder)
    restore(vocoder)
    return told


def real_geometry() -> dict[str, Any]:
    """All of it, and what it leaves behind."""
    told = text_to_speech() | speech_prenet() | real_vocoder()
    DEVICE.clear_program_cache()
    told["restored"] = allocated(DEVICE)
    return told


if __name__ == "__main__":
    torch.set_num_threads(1)  # more of them wait for each other where other tests run
    DEVICE = open_device(f"mock:{sys.argv[1]}")
    with torch.no_grad():
        print(json.dumps({"uses": uses(), "geometry": real_geometry()}))
    close_device(DEVICE)
