"""The cache on the device is a Hugging Face cache."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from llama_models import assert_close, build, left_padded, prompt
from transformers import DynamicCache, StaticCache

from symbiote_core import FallbackWarning, accelerate, report, runtime_of
from symbiote_llama.cache import DeviceCacheLayer
from symbiote_ttnn.cache import CacheFullError


@pytest.fixture
def swapped(emulator: Any) -> Any:
    model = build()
    accelerate(model, emulator, strict=True)
    return model


def filled(model: Any, ids: torch.Tensor, **options: Any) -> DynamicCache:
    cache = DynamicCache(config=model.config)
    model(ids, past_key_values=cache, **options)
    return cache


def after(model: Any, cache: Any, token: torch.Tensor, **options: Any) -> torch.Tensor:
    logits: torch.Tensor = model(token, past_key_values=cache, **options).logits
    return logits


def test_the_passed_cache_is_filled_in_place(swapped: Any) -> None:
    cache = filled(swapped, prompt(2, 7))
    assert all(type(layer) is DeviceCacheLayer for layer in cache.layers)
    assert (len(cache), cache.get_seq_length()) == (2, 7)


def test_rows_follow_the_beams(swapped: Any) -> None:
    ids, token = prompt(3, 9), prompt(3, 1, seed=5)
    cache = filled(swapped, ids)
    cache.reorder_cache(torch.tensor([2, 0, 0]))
    expected = after(swapped, filled(swapped, ids[[2, 0, 0]]), token)
    assert torch.equal(after(swapped, cache, token), expected)


def test_rows_follow_the_beams_with_their_padding(swapped: Any) -> None:
    ids, mask = left_padded([4, 9, 6])
    token, order = prompt(3, 1, seed=5), [1, 1, 0]
    cache = filled(swapped, ids, attention_mask=mask)
    cache.reorder_cache(torch.tensor(order))
    grown = torch.cat([mask[order], torch.ones_like(token)], dim=1)
    same = filled(swapped, ids[order], attention_mask=mask[order])
    expected = after(swapped, same, token, attention_mask=grown)
    assert torch.equal(after(swapped, cache, token, attention_mask=grown), expected)


def test_rows_are_repeated_and_picked(swapped: Any) -> None:
    ids, token = prompt(2, 9), prompt(4, 1, seed=5)
    cache = filled(swapped, ids)
    cache.batch_repeat_interleave(2)
    expected = after(swapped, filled(swapped, ids.repeat_interleave(2, 0)), token)
    assert torch.equal(after(swapped, cache, token), expected)
    cache.batch_select_indices(torch.tensor([3, 1]))
    assert cache.get_seq_length() == 10
    assert after(swapped, cache, token[:2]).shape == (2, 1, 96)


def test_tokens_are_taken_back(swapped: Any) -> None:
    ids, token = prompt(1, 9), prompt(1, 1, seed=5)
    cache = filled(swapped, ids)
    expected = after(swapped, cache, token)
    cache.crop(-4)
    assert cache.get_seq_length() == 6
    after(swapped, cache, ids[:, 6:])
    assert_close(expected, after(swapped, cache, token), rms=0.02)


def test_a_reset_cache_starts_anew(swapped: Any) -> None:
    cache = filled(swapped, prompt(2, 9))
    cache.reset()
    assert cache.get_seq_length() == 0
    expected = filled(swapped, prompt(1, 5))
    swapped(prompt(1, 5), past_key_values=cache)
    token = prompt(1, 1, seed=5)
    assert torch.equal(after(swapped, cache, token), after(swapped, expected, token))


def test_it_grows_in_steps(swapped: Any) -> None:
    cache = filled(swapped, prompt(1, 250))
    assert cache.layers[0].capacity == 256
    expected = swapped(torch.cat([prompt(1, 250), prompt(1, 10, seed=9)], 1)).logits[:, -1:]
    for index in range(10):
        logits = after(swapped, cache, prompt(1, 10, seed=9)[:, index : index + 1])
    assert cache.layers[0].capacity == 512
    assert_close(expected, logits, rms=0.02)


def test_a_cache_of_a_given_length_refuses_more(emulator: Any) -> None:
    model = build()
    accelerate(model, emulator, model_config={"cache_length": 40})
    cache = filled(model, prompt(1, 30))
    assert cache.layers[0].capacity == 64  # whole tiles
    after(model, cache, prompt(1, 10))
    with pytest.raises(CacheFullError, match=r"holds 40 tokens.*would make it 41.*cache_length"):
        after(model, cache, prompt(1, 1))
    with pytest.raises(CacheFullError, match="would make it 41"):
        model(prompt(1, 41))
    assert cache.get_seq_length() == 40  # nothing is lost
    assert report(model).fallback_count == 0


def test_its_memory_is_freed_with_it(emulator: Any, swapped: Any) -> None:
    def used() -> int:
        return int(runtime_of(emulator).memory(emulator).allocated)

    after(swapped, filled(swapped, prompt(1, 9)), prompt(1, 1))
    before = used()
    cache = filled(swapped, prompt(2, 9))
    held = 2 * 2 * 2 * 2 * 256 * 32 * 2  # layers, keys and values, rows, heads, places, size
    assert used() - before == held
    del cache
    assert used() == before
    swapped.generate(prompt(2, 9), max_new_tokens=3)
    assert used() == before


def test_a_cache_that_torch_filled_goes_on_on_the_device(emulator: Any) -> None:
    model = build()
    ids, mask = left_padded([4, 9])
    token = prompt(2, 1, seed=5)
    grown = torch.cat([mask, torch.ones_like(token)], dim=1)
    cache = filled(model, ids, attention_mask=mask)
    expected = after(model, filled(model, ids, attention_mask=mask), token, attention_mask=grown)
    accelerate(model, emulator, strict=True)
    assert_close(expected, after(model, cache, token, attention_mask=grown))


@pytest.mark.parametrize("failing", ["paged_update_cache", "rotary_embedding_hf"])
def test_a_failure_in_the_middle_does_not_change_the_answer(
    emulator: Any, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """The second layer fails once: torch goes on, with what the cache held before."""
    from symbiote_emulator import ttnn

    model = build()
    ids, mask = left_padded([6, 20])
    token = prompt(2, 1, seed=5)
    grown = torch.cat([mask, torch.ones_like(token)], dim=1)
    expected = after(model, filled(model, ids, attention_mask=mask), token, attention_mask=grown)
    accelerate(model, emulator)
    cache = filled(model, ids, attention_mask=mask)
    real = getattr(ttnn.experimental, failing)
    calls = []

    def fails(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:  # two calls a layer
            raise RuntimeError("out of luck")
        return real(*args, **kwargs)

    monkeypatch.setattr(ttnn.experimental, failing, fails)
    with pytest.warns(FallbackWarning, match="out of luck|takes no"):
        actual = after(model, cache, token, attention_mask=grown)
    assert_close(expected, actual)
    assert cache.get_seq_length() == 21
    monkeypatch.undo()
    model(token, past_key_values=cache, attention_mask=torch.cat([grown, grown[:, :1] | 1], 1))
    assert all(layer.on_device for layer in cache.layers)  # and back on the device


def test_other_caches_stay_on_torch_visibly(emulator: Any) -> None:
    model, ids = build(), prompt(1, 9)
    expected = model(ids).logits
    accelerate(model, emulator)
    cache = StaticCache(config=model.config, max_cache_len=32)
    with pytest.warns(FallbackWarning, match="takes no"):
        actual = model(ids, past_key_values=cache).logits
    assert_close(expected, actual)
