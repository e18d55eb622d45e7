"""Let a SpeechT5 speak a text: on torch, and swapped for TTNN.

    python examples/speecht5_speech.py
    python examples/speecht5_speech.py --model microsoft/speecht5_tts \
        --vocoder microsoft/speecht5_hifigan --text "Hello, my dog is cute"

Without ``--model`` the weights are random and each character is a token: what is heard is noise
then, and what it shows is that the swapped model makes the same noise. Writes a WAV file, torch's
speech, half a second of silence and the swapped model's, and a picture with both spectrograms side
by side. Needs symbiote-speecht5, symbiote-emulator and Pillow; with ``--model`` sentencepiece too.
"""

from __future__ import annotations

import argparse
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from transformers import (
    SpeechT5Config,
    SpeechT5ForTextToSpeech,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

from symbiote_core import accelerate, pcc, relative_rms, report

TEXT = "Beautiful is better than ugly. Explicit is better than implicit."
"""What is spoken if no other text is given: the first lines of ``import this``."""

RATE = 16_000
"""Samples a second."""

SPECIAL = 4
"""Ids before the first character's: begin, padding, end and unknown, as SpeechT5 numbers them."""

CHARACTERS = " abcdefghijklmnopqrstuvwxyz'.,;:?!-0123456789"
"""The characters that have an id of their own without a tokenizer."""

SCALE = 4
"""Pixels of a frame and of a bin in the picture."""

BORDER = 24
"""Pixels around a spectrogram."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", help="a hub id or a folder; random weights if left out")
    parser.add_argument("--vocoder", help="likewise, of the vocoder")
    parser.add_argument("--text", default=TEXT, help="what to say")
    parser.add_argument("--device", default="auto", help="such as emulator or ttnn:0")
    parser.add_argument("--steps", type=int, help="of generation; 40 for random weights")
    parser.add_argument("--seed", type=int, default=0, help="of the dropout that is always on")
    parser.add_argument("--out", type=Path, default=Path("speecht5"), help="path without ending")
    return parser.parse_args(arguments)


def random_speaker(**changes: Any) -> SpeechT5ForTextToSpeech:
    """A model of speecht5_tts's size, the same every time."""
    torch.manual_seed(0)
    return SpeechT5ForTextToSpeech(SpeechT5Config(**changes)).eval()


def random_vocoder(**changes: Any) -> SpeechT5HifiGan:
    """A vocoder of speecht5_hifigan's size, the same every time."""
    torch.manual_seed(1)
    vocoder = SpeechT5HifiGan(SpeechT5HifiGanConfig(**changes)).eval()
    with torch.no_grad():  # what transformers starts it with can't be heard
        for parameter in vocoder.parameters():
            fan_in = parameter[0].numel() if parameter.ndim > 1 else 100
            parameter.copy_(torch.randn_like(parameter) * fan_in**-0.5)
    return vocoder


def character_ids(text: str) -> torch.Tensor:
    """A token for each character, and the end: ids [1, characters + 1]; others are unknown."""
    known = {character: SPECIAL + index for index, character in enumerate(CHARACTERS)}
    return torch.tensor([[known.get(c, 3) for c in text.lower()] + [2]])


def token_ids(model: str | None, text: str) -> torch.Tensor:
    """Ids [1, S] by the model's tokenizer, or a token for each character."""
    if model is None:
        return character_ids(text)
    from transformers import SpeechT5Tokenizer

    ids: torch.Tensor = SpeechT5Tokenizer.from_pretrained(model)(text, return_tensors="pt")[
        "input_ids"
    ]
    return ids


def speak(
    model: Any, vocoder: Any, ids: torch.Tensor, seed: int, steps: int | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """A spectrogram [frames, bins] and the waveform [samples] that the vocoder makes of it."""
    voice = torch.randn(
        1, model.config.speaker_embedding_dim, generator=torch.Generator().manual_seed(0)
    )
    limits = {}
    if steps is not None:
        ratio = steps * model.config.reduction_factor / ids.shape[1]
        limits = {"minlenratio": ratio, "maxlenratio": ratio}
    torch.manual_seed(seed)
    spectrogram = model.generate_speech(ids, voice, **limits)
    with torch.no_grad():
        waveform: torch.Tensor = vocoder(spectrogram)
    return spectrogram, waveform


def write_wav(path: Path, pieces: Sequence[torch.Tensor]) -> None:
    """Write waveforms [samples] in -1 to 1 behind each other, with silence between them."""
    silence = torch.zeros(RATE // 2)
    joined = torch.cat([part for piece in pieces for part in (silence, piece)][1:])
    samples = (joined.clamp(-1, 1) * 32767).to(torch.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.contiguous().view(torch.uint8).numpy().tobytes())


def picture(spectrograms: dict[str, torch.Tensor]) -> Image.Image:
    """Spectrograms [frames, bins] side by side, low bins at the bottom, all on one scale."""
    low = min(float(s.min()) for s in spectrograms.values())
    high = max(float(s.max()) for s in spectrograms.values())
    panels = []
    for spectrogram in spectrograms.values():
        level = (spectrogram - low) / max(high - low, 1e-6)
        grey = (level.t().flip(0) * 255).round().to(torch.uint8).contiguous()
        panel = Image.frombytes("L", (grey.shape[1], grey.shape[0]), grey.numpy().tobytes())
        panels.append(panel.resize((panel.width * SCALE, panel.height * SCALE), 0))
    width = sum(panel.width + BORDER for panel in panels) + BORDER
    canvas = Image.new("RGB", (width, panels[0].height + 2 * BORDER), "white")
    left = BORDER
    for name, panel in zip(spectrograms, panels, strict=True):
        canvas.paste(panel.convert("RGB"), (left, BORDER))
        ImageDraw.Draw(canvas).text((left, 6), name, fill="black")
        left += panel.width + BORDER
    return canvas


def main(arguments: Sequence[str] | None = None) -> None:
    """Speak twice, compare, and write what was spoken."""
    asked = parse(arguments)
    if asked.model is None:
        print("The weights are random: this is not speech, but the same noise from both.")
        model, steps = random_speaker(), asked.steps or 40
    else:
        model, steps = SpeechT5ForTextToSpeech.from_pretrained(asked.model).eval(), asked.steps
    vocoder = (
        random_vocoder()
        if asked.vocoder is None
        else SpeechT5HifiGan.from_pretrained(asked.vocoder)
    )
    ids = token_ids(asked.model, asked.text)
    expected = speak(model, vocoder, ids, asked.seed, steps)
    accelerate(model, asked.device)
    accelerate(vocoder, asked.device)
    actual = speak(model, vocoder, ids, asked.seed, steps)

    print(f"{asked.text!r}: {ids.shape[1]} tokens")
    for name, want, got in zip(("spectrogram", "waveform"), expected, actual, strict=True):
        if want.shape != got.shape:
            print(f"{name}: {list(want.shape)} on torch, {list(got.shape)} swapped")
            continue
        print(
            f"{name} {list(got.shape)}: PCC {pcc(want, got):.6f}, "
            f"relative RMS {relative_rms(want, got):.4f}"
        )
    for swapped in (model, vocoder):
        said = report(swapped)
        on_torch = f"{said.fallback_count} fallbacks, {len(said.op_fallbacks)} kinds of operations"
        print(f"{type(swapped).__name__}: {on_torch} on torch")
    sound, image = asked.out.with_suffix(".wav"), asked.out.with_suffix(".png")
    write_wav(sound, (expected[1], actual[1]))
    picture({"torch": expected[0], "swapped": actual[0]}).save(image)
    print(f"Written: {sound} (torch, then swapped) and {image} (torch left, swapped right)")


if __name__ == "__main__":
    main()
