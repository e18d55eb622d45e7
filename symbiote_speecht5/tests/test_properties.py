"""What holds for any batch: its order, its padding, what stands behind a mask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from speech_models import (
    assert_close,
    build,
    forward,
    on_host,
    padded_text,
    speaker,
    spectrogram,
    speech,
    text,
)

from symbiote_core import accelerate, close_device, open_device, report

relaxed = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def speaking() -> Iterator[Any]:
    yield from _swapped("tts")


@pytest.fixture(scope="module")
def hearing() -> Iterator[Any]:
    yield from _swapped("asr")


def _swapped(kind: str) -> Iterator[Any]:
    device = open_device("emulator")
    model = build(kind)
    with torch.no_grad():
        accelerate(model, device, strict=True)
    yield model
    assert report(model).fallback_count == 0
    close_device(device)


def spoken(model: Any, ids: torch.Tensor, mask: torch.Tensor, voices: torch.Tensor) -> Any:
    """Twelve frames, of which each is made of the one before."""
    torch.manual_seed(0)
    ratio = 12 / ids.shape[1]
    limits = {"minlenratio": ratio, "maxlenratio": ratio}
    return model.generate_speech(
        ids, voices, attention_mask=mask, return_output_lengths=True, **limits
    )


@relaxed
@given(order=st.permutations(range(4)))
def test_the_order_of_the_batch_does_not_matter(speaking: Any, order: list[int]) -> None:
    """The dropout is the same for all rows, so that each row speaks as it would elsewhere."""
    with torch.no_grad():
        ids, mask = padded_text([20, 5, 12, 9])
        voices = speaker(speaking, 4)
        expected, _ = spoken(speaking, ids, mask, voices)
        actual, _ = spoken(speaking, ids[order], mask[order], voices[order])
        assert_close(expected[order], actual, rms=0.01)


@relaxed
@given(lengths=LENGTHS)
def test_what_stands_behind_a_mask_does_not_matter(speaking: Any, lengths: list[int]) -> None:
    with torch.no_grad():
        ids, mask = padded_text(lengths, seed=sum(lengths))
        noise = torch.where(mask.bool(), ids, torch.randint_like(ids, 4, 80))
        voices = speaker(speaking, len(lengths))
        expected, _ = spoken(speaking, ids, mask, voices)
        actual, _ = spoken(speaking, noise, mask, voices)
        assert torch.equal(expected, actual)


@relaxed
@given(lengths=LENGTHS, more=st.integers(0, 40))
def test_padding_changes_nothing(speaking: Any, lengths: list[int], more: int) -> None:
    """Each row is as if it were alone, however far it is padded."""
    with torch.no_grad():
        ids, mask = padded_text(lengths, seed=sum(lengths))
        ids, mask = (
            torch.nn.functional.pad(t, (0, more), value=v) for t, v in ((ids, 1), (mask, 0))
        )
        given = {
            "decoder_input_values": spectrogram(speaking, len(lengths)),
            "speaker_embeddings": speaker(speaking, len(lengths)),
        }
        together = forward(speaking, input_ids=ids, attention_mask=mask, **given)
        for row, length in enumerate(lengths):
            own = {name: value[row : row + 1] for name, value in given.items()}
            alone = forward(speaking, input_ids=ids[row : row + 1, :length], **own)
            states = on_host(together.encoder_last_hidden_state)[row : row + 1, :length]
            assert_close(on_host(alone.encoder_last_hidden_state), states)
            assert_close(alone.spectrogram, together.spectrogram[row : row + 1])


@relaxed
@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=3))
def test_a_later_token_changes_no_earlier_one(hearing: Any, lengths: list[int]) -> None:
    """Whatever a decoder's row is padded with on the right."""
    with torch.no_grad():
        rows, longest = len(lengths), max(lengths)
        samples = speech(rows, 300)
        ids, other = text(rows, longest), text(rows, longest, seed=1)
        kept = torch.arange(longest) < torch.tensor(lengths).unsqueeze(1)
        expected = hearing(samples, decoder_input_ids=ids).logits
        changed = torch.where(kept, ids, other)
        actual = hearing(samples, decoder_input_ids=changed).logits
        assert torch.equal(expected[kept], actual[kept])
        masked = hearing(
            samples, decoder_input_ids=changed, decoder_attention_mask=kept.long()
        ).logits
        assert_close(expected[kept], masked[kept], rms=0.01)
