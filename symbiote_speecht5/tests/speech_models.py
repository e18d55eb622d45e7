"""Small SpeechT5 models with seeded weights, and how their outputs are compared."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    SpeechT5Config,
    SpeechT5ForSpeechToSpeech,
    SpeechT5ForSpeechToText,
    SpeechT5ForTextToSpeech,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

from symbiote_core import TorchTTNNTensor, pcc, relative_rms

CLASSES = {
    "tts": SpeechT5ForTextToSpeech,
    "asr": SpeechT5ForSpeechToText,
    "s2s": SpeechT5ForSpeechToSpeech,
}

SMALL: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 128,
    "encoder_layers": 2,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 192,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 192,
    "encoder_max_relative_position": 12,
    "conv_dim": (32, 32, 32),
    "conv_stride": (5, 2, 2),
    "conv_kernel": (10, 3, 2),
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "num_mel_bins": 20,
    "speech_decoder_prenet_units": 64,
    "speech_decoder_postnet_units": 64,
    "speaker_embedding_dim": 48,
    "max_text_positions": 200,
    "max_speech_positions": 400,
    "initializer_range": 0.1,
    "use_guided_attention_loss": False,
}
"""Two layers, four heads of 32: everything that a SpeechT5 has, small."""


def awaken(model: Any) -> Any:
    """Give biases and norms values: transformers starts them at zero and one, hiding mistakes."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.any() or (parameter == 1).all():
                parameter += torch.randn_like(parameter) * 0.1
            if name.endswith("pe_k.weight"):
                parameter *= 3.0
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer += torch.randn_like(buffer) * 0.1
            if name.endswith("running_var"):
                buffer *= torch.rand_like(buffer) + 0.5
    return model.eval()


def build(kind: str = "tts", **changes: Any) -> Any:
    """A small model, the same every time."""
    torch.manual_seed(0)
    return awaken(CLASSES[kind](SpeechT5Config(**(SMALL | changes))))


def build_real(kind: str = "tts", **changes: Any) -> Any:
    """A model of the size of ``microsoft/speecht5_tts``, with seeded weights.

    Its checkpoint's configuration is the default one but for the vocabulary, as the class has it.
    """
    torch.manual_seed(0)
    return awaken(CLASSES[kind](SpeechT5Config(**changes)))


def build_vocoder(**changes: Any) -> Any:
    """A small vocoder for the small models' spectrograms."""
    values: dict[str, Any] = {
        "model_in_dim": 20,
        "upsample_initial_channel": 64,
        "upsample_rates": [4, 2],
        "upsample_kernel_sizes": [8, 4],
        "resblock_kernel_sizes": [3, 5],
        "resblock_dilation_sizes": [[1, 3], [1, 3]],
        "initializer_range": 0.1,
    }
    torch.manual_seed(0)
    return awaken(SpeechT5HifiGan(SpeechT5HifiGanConfig(**(values | changes))))


def text(batch: int = 1, length: int = 13, seed: int = 0) -> torch.Tensor:
    """Seeded ids [batch, length], no special ones."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(4, 80, (batch, length), generator=generator)


def padded_text(lengths: list[int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids of texts of these lengths, padded on the right, and their mask."""
    ids = text(len(lengths), max(lengths), seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return ids.masked_fill(~mask, 1), mask.long()


def speech(batch: int = 1, length: int = 900, seed: int = 0) -> torch.Tensor:
    """Seeded samples [batch, length]."""
    return torch.randn(batch, length, generator=torch.Generator().manual_seed(seed))


def spectrogram(model: Any, batch: int = 1, length: int = 9, seed: int = 0) -> torch.Tensor:
    """A seeded spectrogram [batch, length, bins]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, length, model.config.num_mel_bins, generator=generator)


def speaker(model: Any, batch: int = 1, seed: int = 0) -> torch.Tensor:
    """A seeded speaker embedding for each sequence."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, model.config.speaker_embedding_dim, generator=generator)


def forward(model: Any, seed: int = 0, **inputs: Any) -> Any:
    """A forward whose dropout (that of the decoder's prenet) is seeded."""
    torch.manual_seed(seed)
    return model(**inputs)


def on_host(tensor: torch.Tensor) -> torch.Tensor:
    """A plain torch tensor of the same values."""
    return tensor.to_torch if isinstance(tensor, TorchTTNNTensor) else tensor


def assert_close(
    expected: torch.Tensor, actual: torch.Tensor, least: float = 0.999, rms: float = 0.045
) -> None:
    """Shape and dtype equal, correlation and scale kept."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    # Compared on torch: on the device the sums of the comparison would be rounded to bfloat16.
    expected, actual = on_host(expected), on_host(actual)
    assert pcc(expected, actual) > least
    assert relative_rms(expected, actual) < rms
