"""The geometry of ``microsoft/speecht5_tts``, and what it is given."""

from __future__ import annotations

from typing import Any

import torch
from transformers import SpeechT5Config, SpeechT5ForTextToSpeech


def speecht5_tts(**changes: Any) -> Any:
    """A model of that geometry, 144 M parameters, with seeded weights."""
    torch.manual_seed(0)
    return SpeechT5ForTextToSpeech(SpeechT5Config(**changes)).eval()


def spoken_text(length: int) -> torch.Tensor:
    """Seeded ids [1, length], no special ones."""
    return torch.randint(4, 80, (1, length), generator=torch.Generator().manual_seed(0))


def voice() -> torch.Tensor:
    """A seeded speaker embedding, [1, 512]."""
    return torch.randn(1, 512, generator=torch.Generator().manual_seed(0))
