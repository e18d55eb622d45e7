"""What always holds of a small swapped BERT on the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from bert_models import assert_close, build
from hypothesis import given, settings
from hypothesis import strategies as st

from symbiote_core import accelerate, close_device, open_device

seeds = st.integers(0, 2**31 - 1)
lengths = st.lists(st.integers(1, 40), min_size=1, max_size=4)
few = settings(max_examples=20, deadline=None)


@pytest.fixture(scope="module")
def model() -> Iterator[Any]:
    """One swapped model for all examples."""
    device = open_device("emulator")
    swapped = build()
    accelerate(swapped, device, strict=True)
    yield swapped
    close_device(device)


def sentences(seed: int, sizes: list[int], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask [B, width] of sentences of these lengths."""
    generator = torch.Generator().manual_seed(seed)
    seen = torch.arange(width) < torch.tensor(sizes).unsqueeze(1)
    ids = torch.randint(0, 100, (len(sizes), width), generator=generator)
    return ids, seen.long()


@few
@given(seed=seeds, sizes=lengths, more=st.integers(0, 24))
def test_padding_changes_nothing(model: Any, seed: int, sizes: list[int], more: int) -> None:
    width = max(sizes)
    ids, mask = sentences(seed, sizes, width + more)
    short = model(ids[:, :width], attention_mask=mask[:, :width])
    long = model(ids, attention_mask=mask)
    assert_close(short.pooler_output, long.pooler_output, rms=0.01)
    for row, size in enumerate(sizes):
        before, after = short.last_hidden_state[row, :size], long.last_hidden_state[row, :size]
        assert_close(before, after, rms=0.01)


@few
@given(seed=seeds, sizes=lengths, other=seeds)
def test_what_stands_in_padding_changes_no_bit(
    model: Any, seed: int, sizes: list[int], other: int
) -> None:
    ids, mask = sentences(seed, sizes, 40)
    noise, _ = sentences(other, sizes, 40)
    first = model(ids, attention_mask=mask).last_hidden_state
    second = model(torch.where(mask.bool(), ids, noise), attention_mask=mask).last_hidden_state
    assert torch.equal(first[mask.bool()], second[mask.bool()])


@few
@given(seed=seeds, sizes=lengths)
def test_sentences_do_not_see_each_other(model: Any, seed: int, sizes: list[int]) -> None:
    ids, mask = sentences(seed, sizes, max(sizes))
    together = model(ids, attention_mask=mask).last_hidden_state
    for row, size in enumerate(sizes):
        alone = model(ids[row : row + 1, :size]).last_hidden_state[0]
        assert_close(alone, together[row, :size], rms=0.01)
