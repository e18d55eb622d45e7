"""``model.generate`` goes on working, unchanged."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from llama_models import assert_close, build, left_padded, prompt
from transformers import DynamicCache, set_seed

from symbiote_core import accelerate, report, restore

USES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "sampling": {"do_sample": True, "temperature": 0.7},
    "beams": {"num_beams": 3},
    "without cache": {"use_cache": False},
    "several": {"do_sample": True, "num_return_sequences": 2},
}


def scores(model: Any, ids: torch.Tensor, **options: Any) -> Any:
    """What is generated, with the logits of each step."""
    set_seed(0)
    chosen = {"max_new_tokens": 12, "do_sample": False} | options
    return model.generate(
        ids, return_dict_in_generate=True, output_logits=True, output_scores=True, **chosen
    )


@pytest.mark.parametrize("use", USES)
def test_generation_agrees_with_torch(emulator: Any, use: str) -> None:
    model, ids = build(), prompt(2, 10)
    expected = scores(model, ids, **USES[use])
    accelerate(model, emulator, strict=True)
    actual = scores(model, ids, **USES[use])
    assert actual.sequences.shape == expected.sequences.shape
    assert_close(expected.logits[0], actual.logits[0])
    assert report(model).fallback_count == 0
    if "do_sample" in USES[use]:
        assert torch.equal(actual.sequences, scores(model, ids, **USES[use]).sequences)
    else:
        # Nearly equal logits may be told apart otherwise, and what follows is another text then.
        same = (expected.sequences == actual.sequences)[:, 10:].all(0).long().cumprod(0).sum()
        assert same >= 6


@pytest.mark.parametrize("length", [1, 31, 32, 33, 100])
def test_prompts_of_any_length(emulator: Any, length: int) -> None:
    model, ids = build(), prompt(1, length)
    expected = scores(model, ids, max_new_tokens=3).logits[0]
    accelerate(model, emulator, strict=True)
    assert_close(expected, scores(model, ids, max_new_tokens=3).logits[0])


def test_a_left_padded_batch_generates_what_each_prompt_does_alone(emulator: Any) -> None:
    model = build()
    ids, mask = left_padded([3, 11, 7])
    accelerate(model, emulator, strict=True)
    together = scores(model, ids, attention_mask=mask)
    for row, length in enumerate([3, 11, 7]):
        alone = scores(model, ids[row : row + 1, -length:])
        assert_close(alone.logits[0], together.logits[0][row : row + 1])
        assert torch.equal(alone.sequences[0, length:], together.sequences[row, 11:])


def test_a_step_uploads_token_and_position_and_downloads_logits(emulator: Any) -> None:
    model, ids = build(), prompt(4, 10)
    accelerate(model, emulator, strict=True)
    cache = DynamicCache(config=model.config)
    model(ids, past_key_values=cache)
    model(ids[:, :1], past_key_values=cache)
    before = report(model).traffic
    model(ids[:, :1], past_key_values=cache)
    after = report(model).traffic
    assert (after.uploads - before.uploads, after.downloads - before.downloads) == (2, 1)
    assert after.upload_bytes - before.upload_bytes == 4 * (8 + 4)  # 64-bit ids, 32-bit places


def test_a_step_uploads_rows_if_the_embedding_stays_on_torch(emulator: Any) -> None:
    model, ids = build(), prompt(4, 10)
    accelerate(model, emulator, strict=True, exclude="model.embed_tokens")
    cache = DynamicCache(config=model.config)
    model(ids, past_key_values=cache)
    model(ids[:, :1], past_key_values=cache)
    before = report(model).traffic
    model(ids[:, :1], past_key_values=cache)
    after = report(model).traffic
    assert (after.uploads - before.uploads, after.downloads - before.downloads) == (2, 1)
    assert after.upload_bytes - before.upload_bytes == 4 * (4 * 128 + 4)  # rows as torch has them


def test_a_pipeline_generates(emulator: Any) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast, pipeline

    words = {f"w{index}": index for index in range(96)}
    inner = Tokenizer(WordLevel(words, unk_token="w0"))
    inner.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="w0", eos_token="w2")
    model = build()
    accelerate(model, emulator, strict=True)
    generate = pipeline("text-generation", model=model, tokenizer=tokenizer)
    out = generate("w5 w7 w11", max_new_tokens=4, do_sample=False)
    text = out[0]["generated_text"].replace(" ", "")
    assert text.startswith("w5w7w11w")
    assert report(model).fallback_count == 0


def test_generation_goes_on_from_a_cache(emulator: Any) -> None:
    model, ids = build(), prompt(1, 10)
    accelerate(model, emulator, strict=True)
    first = scores(model, ids, max_new_tokens=5)
    more = torch.cat([first.sequences, prompt(1, 4, seed=3)], dim=1)
    expected = scores(model, more, max_new_tokens=5)
    actual = scores(model, more, max_new_tokens=5, past_key_values=first.past_key_values)
    assert_close(expected.logits[0], actual.logits[0])


def test_restored_in_the_middle_torch_goes_on_with_the_same_cache(emulator: Any) -> None:
    model, ids = build(), prompt(2, 20)
    expected = model(ids).logits[:, 15:]
    accelerate(model, emulator, strict=True)
    cache = DynamicCache(config=model.config)
    model(ids[:, :15], past_key_values=cache)
    restore(model)
    actual = model(ids[:, 15:], past_key_values=cache).logits
    assert_close(expected, actual)
    assert cache.get_seq_length() == 20
