from __future__ import annotations

import importlib.util
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from symbiote_cli import characters

TRAINING_SCRIPT = Path(__file__).resolve().parents[3] / "tools" / "train_character_llama.py"


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


@torch.no_grad()
def test_float32_has_clear_choices_after_the_prompts(loaded: tuple[Any, dict[str, Any]]) -> None:
    vocabulary = characters.load_vocabulary()
    for prompt in characters.PROMPTS:
        tokens = characters.encode(prompt, vocabulary).unsqueeze(0)
        written = loaded[0].generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            do_sample=False,
            max_new_tokens=64,
            output_logits=True,
            return_dict_in_generate=True,
        )
        best, second = torch.stack(written.logits).topk(2).values.unbind(-1)
        assert (best - second).min() >= characters.CLEAR_MARGIN, prompt


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
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("transformers", exc_type=ImportError)
    spec = importlib.util.spec_from_file_location("train_character_llama", TRAINING_SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by name.
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def torch_settings() -> Any:
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def test_no_paragraph_is_on_both_sides_nor_read_twice(script: ModuleType) -> None:
    corpus = script.read_corpus()
    paragraphs = corpus.training.split("\n\n")
    assert not set(paragraphs) & set(corpus.held_out.split("\n\n"))
    assert len(set(paragraphs)) == len(paragraphs)
    assert len(corpus.training) > 200_000
    assert 10_000 < len(corpus.held_out) < 20_000


@pytest.mark.usefixtures("torch_settings")
def test_the_training_script_writes_what_it_trained_and_repeats_itself(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = []
    for name in ("first", "second"):
        options = ["--steps=2", "--batch-size=1", "--max-perplexity=200", "--output"]
        assert script.main([*options, str(tmp_path / name)]) == 0
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    files = {path.name for path in (tmp_path / "first").iterdir()}
    assert files == {path.name for path in characters.model_path().iterdir()}
    assert "perplexity of one:" in capsys.readouterr().out


@pytest.mark.usefixtures("torch_settings")
def test_the_training_script_writes_no_bad_model(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bad"
    assert script.main(["--steps=1", "--batch-size=1", "--output", str(folder)]) == 1
    assert not folder.exists()
    assert "nothing was written." in capsys.readouterr().out


@pytest.mark.usefixtures("torch_settings")
def test_the_training_script_goes_on_with_an_earlier_model(
    script: ModuleType, tmp_path: Path
) -> None:
    standard = ["--batch-size=1", "--max-perplexity=200", "--steps"]
    assert script.main([*standard, "1", "--output", str(tmp_path / "first")]) == 0
    start = ["--start", str(tmp_path / "first"), "--output", str(tmp_path / "second")]
    # A rate of zero leaves the weights as they are.
    assert script.main([*standard, "2", "--learning-rate=0", "--weight-decay=0", *start]) == 0
    first, second = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("first", "second")
    )
    assert first == second
    card = (tmp_path / "second" / "README.md").read_text(encoding="utf-8")
    command = "    python tools/train_character_llama.py"
    assert (
        f"""{command} --steps 1 --batch-size 1
{command} --start EARLIER --steps 2 --batch-size 1 --learning-rate 0 --weight-decay 0
"""
        in card
    )
