"""The caches on the device are a Hugging Face cache."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from speech_models import assert_close, build, speech, text
from transformers import DynamicCache, EncoderDecoderCache

from symbiote_core import FallbackWarning, accelerate, close_device, open_device, report, restore
from symbiote_speecht5.cache import CrossLayer, SelfLayer, Utterance
from symbiote_speecht5.kernels.attention import TTNNCrossAttention
from symbiote_ttnn.cache import CacheFullError


@pytest.fixture(scope="module")
def swapped() -> Any:
    device = open_device("emulator")
    model = build("asr")
    with torch.no_grad():
        accelerate(model, device, strict=True)
    yield model
    close_device(device)


def empty(model: Any) -> EncoderDecoderCache:
    return EncoderDecoderCache(DynamicCache(config=model.config), DynamicCache(config=model.config))


def encoded(model: Any, batch: int = 2, length: int = 300, seed: int = 0) -> Any:
    return model.get_encoder()(speech(batch, length, seed))


def steps(
    model: Any, states: Any, ids: torch.Tensor, sizes: list[int], cache: Any, **options: Any
) -> torch.Tensor:
    """Logits of ids that are passed in pieces of these sizes, behind each other."""
    pieces = []
    for piece in ids.split(sizes, dim=1):
        out = model(
            encoder_outputs=states, decoder_input_ids=piece, past_key_values=cache, **options
        )
        pieces.append(out.logits)
    return torch.cat(pieces, dim=1)


def test_the_passed_cache_is_filled_in_place(swapped: Any) -> None:
    cache = empty(swapped)
    steps(swapped, encoded(swapped), text(2, 7), [7], cache)
    assert all(type(layer) is SelfLayer for layer in cache.self_attention_cache.layers)
    assert all(type(layer) is CrossLayer for layer in cache.cross_attention_cache.layers)
    assert cache.get_seq_length() == 7
    assert cache.cross_attention_cache.get_seq_length() == encoded(swapped)[0].shape[1]


def test_the_encoders_states_are_projected_once(swapped: Any) -> None:
    cache, states = empty(swapped), encoded(swapped)
    steps(swapped, states, text(2, 2), [1, 1], cache)
    held = [layer.tt_keys for layer in cache.cross_attention_cache.layers]
    steps(swapped, states, text(2, 3), [1, 2], cache)
    assert all(
        a is b.tt_keys for a, b in zip(held, cache.cross_attention_cache.layers, strict=True)
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sizes=st.lists(st.sampled_from([1, 1, 1, 2, 5, 31, 33]), min_size=1, max_size=5),
    batch=st.integers(1, 3),
)
def test_cached_decoding_gives_the_logits_of_one_forward(
    swapped: Any, sizes: list[int], batch: int
) -> None:
    with torch.no_grad():
        ids, states = text(batch, sum(sizes), seed=sum(sizes)), encoded(swapped, batch)
        whole = swapped(encoder_outputs=states, decoder_input_ids=ids, use_cache=False).logits
        cache = empty(swapped)
        assert_close(whole, steps(swapped, states, ids, sizes, cache))
        assert cache.get_seq_length() == sum(sizes)


def test_a_cache_grows_and_keeps_what_it_has(swapped: Any) -> None:
    ids, states = text(1, 260), encoded(swapped, 1)
    whole = swapped(encoder_outputs=states, decoder_input_ids=ids, use_cache=False).logits
    cache = empty(swapped)
    steps(swapped, states, ids[:, :254], [254], cache)
    last = steps(swapped, states, ids[:, 254:], [1] * 6, cache)
    assert_close(whole[:, 254:], last)
    assert cache.self_attention_cache.layers[0].capacity == 512


def test_rows_follow_the_beams(swapped: Any) -> None:
    order = [2, 0, 0]
    ids, token, samples = text(3, 9), text(3, 1, seed=5), speech(3, 300)
    mask = (torch.arange(300) < torch.tensor([[300], [200], [120]])).long()
    caches = []
    for rows in (slice(None), order):
        states = swapped.get_encoder()(samples[rows], attention_mask=mask[rows])
        caches.append((empty(swapped), states, mask[rows]))
        steps(swapped, states, ids[rows], [9], caches[-1][0], attention_mask=mask[rows])
    moved, (same, states, kept) = caches[0][0], caches[1]
    moved.reorder_cache(torch.tensor(order))
    held = [layer.tt_keys for layer in moved.cross_attention_cache.layers]
    expected = steps(swapped, states, token, [1], same, attention_mask=kept)
    assert torch.equal(steps(swapped, states, token, [1], moved, attention_mask=kept), expected)
    # Keys of the encoder's states were moved, not projected once more.
    layers = moved.cross_attention_cache.layers
    assert all(a is b.tt_keys for a, b in zip(held, layers, strict=True))


def test_real_states_may_stand_anywhere(emulator: Any) -> None:
    """A step needs no mask but the number of real states, wherever padding stands."""
    model = build("asr")
    states = encoded(model, 3)
    length = states[0].shape[1]
    decoder = model.speecht5.decoder
    mask = torch.ones(3, length).long()
    mask[0, :4], mask[1, 3:9], mask[2, -5:] = 0, 0, 0
    ids = text(3, 6)

    def run() -> torch.Tensor:
        cache, out = empty(model), []
        for piece in ids.split([1, 1, 3, 1], dim=1):
            given = {"encoder_hidden_states": states[0], "encoder_attention_mask": mask}
            out.append(decoder(piece, past_key_values=cache, use_cache=True, **given)[0])
        return torch.cat(out, dim=1)

    expected = run()
    accelerate(model, emulator, strict=True)
    assert_close(expected, run())
    assert report(model).fallback_count == 0


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=3))
def test_torch_gets_keys_where_it_has_their_states(rows: list[list[bool]]) -> None:
    utterance = Utterance(torch.tensor(rows))
    there = torch.arange(7.0).expand(len(rows), 1, 7)[..., None].clone()
    order = utterance.order
    held = there if order is None else there.gather(2, order[:, None, :, None])
    assert torch.equal(utterance.back(held), there)
    real = utterance.columns if order is None else utterance.columns.gather(1, order)
    assert torch.equal(real, utterance.seen()[:, :7])  # real ones first


@pytest.mark.parametrize("many", [1, 2])
@pytest.mark.parametrize("done", [0, 2])
def test_a_step_that_fails_is_torchs_and_leaves_the_cache_as_it_was(
    emulator: Any, monkeypatch: pytest.MonkeyPatch, done: int, many: int
) -> None:
    model, ids = build("asr"), text(2, 6)
    mask = (torch.arange(300) < torch.tensor([[300], [150]])).long()
    states = model.get_encoder()(speech(2, 300), attention_mask=mask)
    told = {"attention_mask": mask}
    expected = steps(model, states, ids, [6], empty(model), **told)
    accelerate(model, emulator)
    cache, pieces = empty(model), []
    if done:
        pieces.append(steps(model, states, ids[:, :done], [1] * done, cache, **told))
    written = TTNNCrossAttention.written

    def fail(self: Any, *args: Any) -> Any:
        if self.heads.index == 1:
            raise RuntimeError("not across today")
        return written(self, *args)

    with monkeypatch.context() as broken:
        broken.setattr(TTNNCrossAttention, "written", fail)
        with pytest.warns(FallbackWarning) as warnings:
            pieces.append(steps(model, states, ids[:, done : done + many], [many], cache, **told))
    assert any("not across today" in str(warning.message) for warning in warnings)
    assert cache.get_seq_length() == done + many
    rest = 6 - done - many
    pieces.append(steps(model, states, ids[:, done + many :], [1] * rest, cache, **told))
    assert_close(expected, torch.cat(pieces, dim=1))
    assert cache.self_attention_cache.layers[0].on_device


def test_restored_in_the_middle_torch_goes_on_with_the_same_cache(emulator: Any) -> None:
    model, ids = build("asr"), text(2, 20)
    samples = speech(2, 300)
    mask = (torch.arange(300) < torch.tensor([[300], [150]])).long()
    states = model.get_encoder()(samples, attention_mask=mask)
    expected = steps(model, states, ids, [20], empty(model), attention_mask=mask)
    accelerate(model, emulator, strict=True)
    cache = empty(model)
    first = steps(model, states, ids[:, :15], [14, 1], cache, attention_mask=mask)
    restore(model)
    last = steps(model, states, ids[:, 15:], [1, 4], cache, attention_mask=mask)
    assert_close(expected, torch.cat([first, last], dim=1))
    assert cache.get_seq_length() == 20


def test_a_cache_that_torch_filled_is_taken_over(emulator: Any) -> None:
    model, ids = build("asr"), text(2, 12)
    states = encoded(model)
    expected = steps(model, states, ids, [12], empty(model))
    cache = empty(model)
    steps(model, states, ids[:, :7], [7], cache)
    accelerate(model, emulator, strict=True)
    assert_close(expected[:, 7:], steps(model, states, ids[:, 7:], [1, 1, 3], cache))
    assert type(cache.self_attention_cache.layers[0]) is SelfLayer


def test_torch_goes_on_where_the_device_can_not(emulator: Any) -> None:
    model, ids = build("asr"), text(2, 6)
    states = encoded(model)
    expected = steps(model, states, ids, [6], empty(model))
    accelerate(model, emulator)
    cache = empty(model)
    first = steps(model, states, ids[:, :2], [1, 1], cache)
    with pytest.warns(FallbackWarning):
        second = steps(model, states, ids[:, 2:4], [1, 1], cache, output_attentions=True)
    assert type(cache.self_attention_cache.layers[0]) is SelfLayer
    assert not cache.self_attention_cache.layers[0].on_device
    last = steps(model, states, ids[:, 4:], [1, 1], cache)
    assert cache.self_attention_cache.layers[0].on_device
    assert_close(expected, torch.cat([first, second, last], dim=1))


def test_a_limit_is_kept_and_told(emulator: Any) -> None:
    model, ids = build("asr"), text(1, 8)
    accelerate(model, emulator, model_config={"cache_length": 6}, strict=True)
    cache, states = empty(model), encoded(model, 1)
    steps(model, states, ids[:, :6], [1] * 6, cache)
    with pytest.raises(CacheFullError, match=r"holds 6 tokens .* would make it 7"):
        steps(model, states, ids[:, 6:7], [1], cache)


def test_a_cropped_cache_goes_on_from_there(swapped: Any) -> None:
    ids, states = text(2, 9), encoded(swapped)
    cache, shorter = empty(swapped), empty(swapped)
    steps(swapped, states, ids, [9], cache)
    cache.self_attention_cache.crop(5)
    steps(swapped, states, ids[:, :5], [5], shorter)
    token = text(2, 1, seed=9)
    expected = steps(swapped, states, token, [1], shorter)
    assert_close(expected, steps(swapped, states, token, [1], cache), rms=0.01)
