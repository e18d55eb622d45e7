"""The example speaks twice and writes what it says it writes."""

from __future__ import annotations

import functools
import importlib.util
import wave
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from speech_models import SMALL, assert_close

EXAMPLE = Path(__file__).parents[2] / "examples" / "speecht5_speech.py"

VOCODER: dict[str, Any] = {
    "model_in_dim": 20,
    "upsample_initial_channel": 64,
    "upsample_rates": [4, 2],
    "upsample_kernel_sizes": [8, 4],
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3]],
}


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example as a module, with small models."""
    spec = importlib.util.spec_from_file_location("speecht5_speech", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, changes in (("random_speaker", SMALL), ("random_vocoder", VOCODER)):
        monkeypatch.setattr(module, name, functools.partial(getattr(module, name), **changes))
    return module


def test_sound_and_picture_hold_both(
    example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "speech"
    example.main(["--device", "emulator", "--steps", "12", "--out", str(out)])
    told = capsys.readouterr().out
    assert "The weights are random" in told
    assert "SpeechT5HifiGan: 0 fallbacks, 0 kinds of operations on torch" in told
    with wave.open(str(out.with_suffix(".wav"))) as file:
        assert file.getframerate() == 16_000
        assert file.getnframes() == 2 * 24 * 8 + 8_000
        data = torch.frombuffer(bytearray(file.readframes(file.getnframes())), dtype=torch.int16)
    first, second = data[: 24 * 8].float(), data[-24 * 8 :].float()
    assert first.std() > 100
    assert_close(first, second)
    with Image.open(out.with_suffix(".png")) as image:
        assert image.size == (2 * 24 * 4 + 3 * 24, 20 * 4 + 2 * 24)
        left = image.crop((24, 24, 24 + 96, 24 + 80))
        right = image.crop((48 + 96, 24, 48 + 192, 24 + 80))
    pixels = [
        torch.frombuffer(bytearray(part.convert("L").tobytes()), dtype=torch.uint8).float()
        for part in (left, right)
    ]
    assert_close(*pixels, least=0.99)


def test_saved_models_speak_as_long_as_their_text_asks_for(
    example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """All but the tokenizer, which needs a vocabulary that comes with no package."""
    example.random_speaker().save_pretrained(tmp_path / "model")
    example.random_vocoder().save_pretrained(tmp_path / "vocoder")
    monkeypatch.setattr(example, "token_ids", lambda model, text: example.character_ids(text))
    folders = ["--model", str(tmp_path / "model"), "--vocoder", str(tmp_path / "vocoder")]
    example.main([*folders, "--text", "Hi", "--device", "emulator", "--out", str(tmp_path / "x")])
    told = capsys.readouterr().out
    assert "The weights are random" not in told
    assert "'Hi': 3 tokens" in told
    assert told.count(": 0 fallbacks, 0 kinds of operations on torch") == 2
    assert (tmp_path / "x.wav").exists()


def test_each_character_has_an_id_of_its_own(example: Any) -> None:
    ids = example.character_ids("Ab, Ba\u00e9")[0].tolist()
    assert ids[0] == ids[5]
    assert len(set(ids)) == 6
    assert ids[-2:] == [3, 2]  # unknown, end
    assert max(example.character_ids(example.CHARACTERS)[0].tolist()) < 81
