"""Samples for models of speech: sound, spectrograms, and a voice."""

import math
from collections.abc import Mapping
from typing import Any

import torch

SECONDS = 1
"""How long the sound is."""

RATE = 16_000
"""Samples a second, as models of speech are trained on."""

FRAMES = 50
"""How many frames a spectrogram has that a vocoder is given."""

_NAMES = {"input_values", "spectrogram", "decoder_input_values", "speaker_embeddings"}
"""What transformers calls the inputs of models of speech."""


def speech_samples(model: Any, takes: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """What a model takes of speech; empty for models of other things.

    Args:
        model: a Hugging Face model.
        takes: the parameters of its forward, by name.
        notes: what was chosen for the user is added to it.

    Returns:
        Some of ``input_values`` [1, samples], ``spectrogram`` [1, frames, bins],
        ``decoder_input_values`` [1, 1, bins] and ``speaker_embeddings`` [1, size].
    """
    found: dict[str, Any] = {}
    if not _NAMES & set(takes):
        return found
    config, dtype = model.config, model.dtype
    if "input_values" in takes:
        notes.append(f"The speech is a generated sweep of {SECONDS} s at {RATE} Hz.")
        found["input_values"] = _sweep().to(dtype).unsqueeze(0)
    if "spectrogram" in takes and hasattr(config, "model_in_dim"):
        notes.append(f"The spectrogram is a generated one of {FRAMES} frames.")
        grid = torch.arange(FRAMES * config.model_in_dim).view(1, FRAMES, -1)
        found["spectrogram"] = torch.sin(grid * 0.1).to(dtype)
    if "decoder_input_values" in takes and hasattr(config, "num_mel_bins"):
        found["decoder_input_values"] = torch.zeros(1, 1, config.num_mel_bins, dtype=dtype)
    if "speaker_embeddings" in takes and hasattr(config, "speaker_embedding_dim"):
        voice = torch.sin(torch.arange(config.speaker_embedding_dim))
        found["speaker_embeddings"] = voice.to(dtype).unsqueeze(0)
    return found


def _sweep() -> torch.Tensor:
    """A tone that rises from 100 Hz to 4 kHz, in -0.5 to 0.5: [samples]."""
    time = torch.arange(SECONDS * RATE) / RATE
    low, high = 100.0, 4000.0
    phase = 2 * math.pi * (low * time + (high - low) * time**2 / (2 * SECONDS))
    return 0.5 * torch.sin(phase)
