"""What always holds of small swapped OWL-ViTs on the emulator."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from owlvit_models import LAST, assert_close, build, images, padding_of, texts

from symbiote_core import accelerate, close_device, open_device

seeds = st.integers(0, 2**31 - 1)


@pytest.fixture(scope="module", autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield
    for device in opened.values():
        close_device(device)
    opened.clear()
    swapped.cache_clear()


opened: dict[str, Any] = {}


@functools.cache
def swapped(kind: str) -> Any:
    """One swapped model for all examples."""
    opened[kind] = open_device("emulator")
    model = build(kind)
    accelerate(model, opened[kind], strict=True)
    return model


def some_texts(seed: int, lengths: list[int], longest: int = 16) -> torch.Tensor:
    """Texts of these lengths, the last token of each the highest, padded with zeros."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, LAST, (len(lengths), longest), generator=generator)
    for row, length in enumerate(lengths):
        ids[row, length - 1] = LAST
        ids[row, length:] = 0
    return ids


lengths = st.lists(st.integers(1, 15), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None)
@given(seeds, st.permutations(range(4)))
def test_images_in_another_order_give_the_same_boxes_in_that_order(
    seed: int, order: list[int]
) -> None:
    model, ids = swapped("detector"), texts(8)
    pixels = images(4, seed=seed)
    pairs = ids.view(4, 2, -1)
    first = model(ids, pixels, padding_of(ids))
    moved = pairs[order].flatten(0, 1)
    second = model(moved, pixels[order], padding_of(moved))
    for name in ("logits", "pred_boxes", "image_embeds", "text_embeds", "class_embeds"):
        assert_close(first[name][order], second[name], rms=0.01)


@settings(max_examples=25, deadline=None)
@given(seeds, lengths, st.integers(1, 5))
def test_padding_behind_a_text_changes_nothing(seed: int, sizes: list[int], more: int) -> None:
    model, ids = swapped("text"), some_texts(seed, sizes)
    longest = max(sizes)
    short, long = ids[:, :longest], ids[:, : min(longest + more, 16)]
    first = model(short, padding_of(short))
    second = model(long, padding_of(long))
    assert_close(first.pooler_output, second.pooler_output, rms=0.01)
    for row, size in enumerate(sizes):
        seen = second.last_hidden_state[row, :size]
        assert_close(first.last_hidden_state[row, :size], seen, rms=0.01)


@settings(max_examples=25, deadline=None)
@given(seeds, lengths, seeds)
def test_what_stands_in_padding_does_not_change_a_bit(
    seed: int, sizes: list[int], other: int
) -> None:
    model, ids = swapped("text"), some_texts(seed, sizes)
    mask = padding_of(ids)
    noise = torch.randint(0, LAST, ids.shape, generator=torch.Generator().manual_seed(other))
    first = model(ids, mask)
    second = model(torch.where(mask.bool(), ids, noise), mask)
    assert torch.equal(first.pooler_output, second.pooler_output)
    for row, size in enumerate(sizes):
        seen = second.last_hidden_state[row, :size]
        assert torch.equal(first.last_hidden_state[row, :size], seen)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 15), seeds)
def test_tokens_do_not_see_what_comes_after_them(seed: int, at: int, other: int) -> None:
    model, ids = swapped("text"), some_texts(seed, [16])
    noise = torch.randint(1, LAST, ids.shape, generator=torch.Generator().manual_seed(other))
    changed = torch.cat([ids[:, :at], noise[:, at:]], dim=1)
    first, second = model(ids).last_hidden_state, model(changed).last_hidden_state
    assert torch.equal(first[:, :at], second[:, :at])


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 4))
def test_queries_do_not_see_each_other(seed: int, count: int) -> None:
    model, pixels = swapped("detector"), images(1, seed=seed)
    ids = texts(count)
    together = model(ids, pixels, padding_of(ids)).logits
    for query in range(count):
        row = ids[query : query + 1]
        alone = model(row, pixels, padding_of(row)).logits
        assert_close(alone[..., 0], together[..., query], rms=0.01)
