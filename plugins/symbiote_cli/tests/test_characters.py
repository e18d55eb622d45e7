from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from symbiote_cli import characters
from symbiote_core import accelerate, restore


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine, threads wait for each other longer than such small matrices take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def loaded() -> tuple[Any, dict[str, Any]]:
    transformers = pytest.importorskip("transformers", exc_type=ImportError)
    model, info = transformers.LlamaForCausalLM.from_pretrained(
        characters.model_path(),
        local_files_only=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    return model.eval(), info


def held_out() -> tuple[torch.Tensor, ...]:
    tokens = characters.encode(characters.held_out_text(), characters.load_vocabulary())
    return torch.split(characters.cut(tokens), 8)


def test_the_folder_is_complete_and_small() -> None:
    folder = characters.model_path()
    assert (folder / "model.safetensors").stat().st_size <= 6_000_000
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["vocab_size"] == len(characters.load_vocabulary())
    assert config["max_position_embeddings"] == characters.CONTEXT
    # TTNN splits heads only if their size is a multiple of 32.
    assert config["head_dim"] % 32 == 0
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card
    assert "PSF License Agreement" in card


def test_every_weight_is_in_the_file_in_bfloat16(loaded: tuple[Any, dict[str, Any]]) -> None:
    model, info = loaded
    assert {name: list(found) for name, found in info.items() if found} == {}
    assert 1_000_000 <= sum(weight.numel() for weight in model.parameters()) <= 3_000_000
    for weight in model.parameters():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, weight.bfloat16().float())


def test_the_model_foretells_the_held_out_text(loaded: tuple[Any, dict[str, Any]]) -> None:
    found = characters.perplexity(loaded[0], held_out())
    assert found < 4
    card = (characters.model_path() / "README.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"perplexity of a held-out character \| ([\d.]+),", card)
    assert found == pytest.approx(float(told), abs=2e-3)


def test_the_card_tells_how_many_prompts_went_on_alike() -> None:
    card = (characters.model_path() / "README.md").read_text(encoding="utf-8")
    ((agreed, prompts),) = re.findall(r"(\d+) of (\d+) prompts", card)
    assert int(prompts) == len(characters.held_out_prompts(characters.held_out_text())) >= 50
    assert int(agreed) >= 0.9 * int(prompts)


@torch.no_grad()
def test_swapped_it_makes_the_choices_of_float32_after_nine_of_ten_prompts(
    loaded: tuple[Any, dict[str, Any]],
) -> None:
    model, vocabulary = loaded[0], characters.load_vocabulary()
    prompts = [
        characters.encode(prompt, vocabulary)
        for prompt in characters.held_out_prompts(characters.held_out_text())
    ]
    chosen = [characters.continuation(model, prompt[None])[0] for prompt in prompts]
    # Each path of float32 is read at once; what follows it to its right changes nothing.
    rows = [torch.cat(pair) for pair in zip(prompts, chosen, strict=True)]
    paths = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    accelerate(model, device="emulator")
    try:
        choices = model(paths, use_cache=False).logits.argmax(-1)
    finally:
        restore(model)
    agreed = 0
    for prompt, path, row in zip(prompts, chosen, choices, strict=True):
        start = len(prompt) - 1
        agreed += torch.equal(row[start : start + len(path)], path)
    assert 0.9 * len(prompts) <= agreed <= len(prompts)


def test_prompts_follow_a_rule() -> None:
    words = "two three four five six seven eight nine ten eleven"
    paragraphs = [
        f"The {words} twelve.",
        f"Only\n{words}",  # too short
        f"a {words} twelve",
        f"   Code {words} twelve",
        f"* If {words} twelve",
        f"An\n  {words} other",
        f"The {words} but the same prompt",
    ]
    found = characters.held_out_prompts("\n\n".join(paragraphs))
    assert found == ("The two three four five", "An two three four five")


def test_an_untrained_model_fails_what_the_shipped_one_passes(
    loaded: tuple[Any, dict[str, Any]],
) -> None:
    model = loaded[0]
    assert characters.perplexity(type(model)(model.config).eval(), held_out()[:1]) > 50


def test_the_vocabulary_has_every_character_once_in_order() -> None:
    vocabulary = characters.load_vocabulary()
    assert list(vocabulary) == sorted(set(vocabulary))
    assert {chr(code) for code in range(32, 127)} | {"\n"} <= set(vocabulary)
    assert set(characters.held_out_text()) <= set(vocabulary)


def test_encode_and_decode() -> None:
    tokens = characters.encode("cabb", "abc")
    assert tokens.dtype == torch.int64
    assert tokens.tolist() == [2, 0, 1, 1]
    assert characters.decode(tokens.view(2, 2), "abc") == "cabb"
    with pytest.raises(characters.UnknownCharactersError, match="characters 'de'") as caught:
        characters.encode("edge", "abcg")
    assert caught.value.characters == "de"


def test_cut_drops_what_is_left_over() -> None:
    assert characters.cut(torch.arange(7), 3).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_perplexity_of_chance_and_of_certainty() -> None:
    windows = torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0]])

    def model(sure: float) -> Any:
        # The logits at each place know the token that follows.
        def forward(tokens: torch.Tensor, use_cache: bool) -> Any:
            ahead = torch.nn.functional.one_hot(tokens.roll(-1, 1), 4)
            return SimpleNamespace(logits=ahead * sure)

        return forward

    assert characters.perplexity(model(0.0), [windows]) == pytest.approx(4)
    assert characters.perplexity(model(100.0), windows.split(1)) == pytest.approx(1)
    assert characters.perplexity(model(math.log(3)), [windows]) == pytest.approx(2)


def test_a_missing_model_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(characters, "__file__", str(tmp_path / "characters.py"))
    with pytest.raises(FileNotFoundError) as caught:
        characters.model_path()
    assert str(caught.value) == (
        "The character model is missing: there is no "
        f"{tmp_path.resolve() / 'data' / 'character-llama' / 'model.safetensors'}. Reinstall "
        "symbiote-cli, or train the model anew with tools/train_character_llama.py."
    )


@pytest.fixture
def script(training_script: Callable[[str], ModuleType]) -> ModuleType:
    return training_script("train_character_llama")


def test_no_paragraph_is_on_both_sides_nor_read_twice(script: ModuleType) -> None:
    corpus = script.read_corpus()
    paragraphs = corpus.training.split("\n\n")
    assert not set(paragraphs) & set(corpus.held_out.split("\n\n"))
    assert len(set(paragraphs)) == len(paragraphs)
    assert len(corpus.training) > 200_000
    assert 20_000 < len(corpus.held_out) < 40_000


SHORT = ("--steps=2", "--batch-size=1", "--own-steps=1", "--own-texts=2", "--prompts=1")


def test_the_training_script_writes_what_it_trained_and_repeats_itself(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = []
    for name in ("first", "second"):
        options = ["--max-perplexity=200", "--min-agreed=0", "--output", str(tmp_path / name)]
        assert script.main([*SHORT, *options]) == 0
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    files = {path.name for path in (tmp_path / "first").iterdir()}
    assert files == {path.name for path in characters.model_path().iterdir()}
    card = (tmp_path / "first" / "README.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"perplexity of a held-out character \| ([\d.]+),", card)
    written = capsys.readouterr().out
    assert written.count(f"perplexity of one: {told}") == 2
    assert " of 1 prompts go on as in float32" in card


@pytest.mark.parametrize("limit", ["--max-perplexity=4", "--min-agreed=1.1"])
def test_the_training_script_writes_no_bad_model(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], limit: str
) -> None:
    folder = tmp_path / "bad"
    loose = ["--max-perplexity=200", "--min-agreed=0"]
    assert script.main([*SHORT, *loose, limit, "--output", str(folder)]) == 1
    assert not folder.exists()
    assert "nothing was written." in capsys.readouterr().out


def test_its_own_text_continues_the_reference(script: ModuleType) -> None:
    corpus = script.read_corpus()
    tokens = characters.encode(corpus.training, corpus.vocabulary)
    torch.manual_seed(0)
    model = script.LlamaForCausalLM(script.build_config(len(corpus.vocabulary))).eval()
    own = script.own_text(model, tokens, 3, torch.Generator().manual_seed(0))
    assert own.shape == (3, characters.CONTEXT // 2)
    for row in own:
        prompt = row[: script.PROMPT_LENGTH]
        assert characters.decode(prompt, corpus.vocabulary) in corpus.training
        going_on = characters.continuation(model, prompt[None], len(row) - len(prompt))
        assert torch.equal(row[len(prompt) :], going_on[0])


@torch.no_grad()
def test_noise_is_there_for_the_time_of_the_block(script: ModuleType) -> None:
    model = script.LlamaForCausalLM(script.build_config(7)).eval()
    tokens = torch.tensor([[1, 2, 3]])
    quiet = model(tokens).logits
    with script.noisy(model):
        assert not torch.allclose(model(tokens).logits, quiet, rtol=1e-3)
    assert torch.equal(model(tokens).logits, quiet)
