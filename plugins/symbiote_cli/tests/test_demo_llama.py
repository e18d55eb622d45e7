"""``symbiote demo llama``: a trained language model, end to end."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from symbiote_cli import characters, demonstration_llama, session
from symbiote_cli.app import app
from symbiote_cli.demonstration_llama import Ask, run_llama_demo
from symbiote_cli.demonstration_llama_output import Screen
from symbiote_cli.output import Output


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine, threads wait for each other longer than such small matrices take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def figures(one_thread: None) -> dict[str, Any]:
    """What the demo finds with nothing but its defaults."""
    result = CliRunner().invoke(app, ["demo", "llama", "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo continues two prompts by eight characters and foretells little."""
    monkeypatch.setattr(demonstration_llama, "PROMPTS", 2)
    monkeypatch.setattr(demonstration_llama, "COMPARED", 8)
    monkeypatch.setattr(demonstration_llama, "MIN_AGREED", 2)
    text = characters.held_out_text()[: 4 * characters.CONTEXT]
    monkeypatch.setattr(demonstration_llama, "held_out_text", lambda: text)


def message_of(result: Any) -> str:
    """The message of a command that was refused."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    return " ".join(str(result.stderr).split())


def test_nine_of_ten_prompts_go_on_alike(figures: dict[str, Any]) -> None:
    pairs = list(zip(figures["torch"]["continued"], figures["swapped"]["continued"], strict=True))
    assert len(pairs) == len(figures["prompts"]) == 10
    assert all(len(text) == 64 for pair in pairs for text in pair)
    assert sum(mine == theirs for mine, theirs in pairs) == figures["prompts_agreed"] >= 9


def test_the_perplexity_hardly_differs(figures: dict[str, Any]) -> None:
    mine, theirs = figures["torch"]["perplexity"], figures["swapped"]["perplexity"]
    assert mine < 4
    assert mine != theirs
    assert theirs / mine - 1 == pytest.approx(figures["perplexity_change"])
    assert abs(figures["perplexity_change"]) < 0.005


def test_nothing_falls_back_and_only_tokens_travel(figures: dict[str, Any]) -> None:
    assert figures["passed"] is True
    assert [check["passed"] for check in figures["checks"]] == [True, True, True]
    assert figures["report"]["fallbacks"] == figures["report"]["op_fallbacks"] == []
    decoding = figures["decoding"]
    assert decoding["forwards"] == 199  # the first of 200 tokens comes of reading the prompt
    assert decoding["downloads"] == 199
    assert decoding["uploads"] <= 2 * 199
    assert decoding["upload_bytes"] < 32 * 199
    assert len(figures["swapped"]["text"]) == 200
    assert figures["torch"]["tokens_per_second"] > 0 < figures["swapped"]["tokens_per_second"]


def test_what_it_writes_reads_like_words(figures: dict[str, Any]) -> None:
    known = set(characters.held_out_text().lower().split())
    words = " ".join(figures["torch"]["continued"]).lower().split()
    assert sum(word in known for word in words) > 0.5 * len(words)


def test_bfloat8_b_changes_the_perplexity_a_little(
    symbiote: Any, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demonstration_llama, "held_out_text", characters.held_out_text)
    result = symbiote("demo", "llama", "--weights", "bfloat8_b", "--tokens", 2, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["weights"] == "bfloat8_b"
    assert 0 < abs(data["perplexity_change"]) < 0.02
    # Continuations are compared, but only weights that are the same promise the same.
    assert [check["name"] for check in data["checks"]] == [
        "perplexities differ by less than 2.0%",
        "nothing fell back to torch",
    ]


@pytest.mark.usefixtures("short")
def test_tables(symbiote: Any) -> None:
    result = symbiote("demo", "llama", "--prompt", "A list is", "--tokens", 12)
    assert result.exit_code == 0, result.output
    for text in (
        "LlamaDecoderLayer",
        "No fallbacks",
        "2 prompts, 8 tokens each; 1,020 held-out tokens",
        "torch float32",
        "emulator bfloat16",
        "1 download (",
        "Assignment statements are used to",
        "8 of 8",
        "2 of 2 go on alike",
        "ok    perplexities differ by less than 0.5%",
        "ok    nothing fell back to torch",
    ):
        assert text in result.stdout
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    assert lines[2].startswith("A list is")
    assert result.stdout.count("A list is") == 1


def ask(**changes: Any) -> Ask:
    wanted = {
        "prompt": "A list is",
        "length": 12,
        "weights": "bfloat16",
        "device": "emulator",
        "policy": "auto",
    }
    return Ask(**(wanted | changes))


@pytest.mark.usefixtures("short")
def test_characters_come_one_by_one_while_the_model_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forwards, pieces = [0], []
    load = demonstration_llama.load_character_llama

    def load_and_count() -> Any:
        model = load()
        model.register_forward_hook(lambda *_: forwards.append(forwards[-1] + 1))
        return model

    monkeypatch.setattr(demonstration_llama, "load_character_llama", load_and_count)
    result = run_llama_demo(Output(), ask(), lambda text: pieces.append((text, forwards[-1])))
    *written, (end, _) = pieces
    assert [text for text, _ in written] == list(result.swapped.text)
    assert end == "\n"
    counts = [count for _, count in written]
    assert counts == list(range(counts[0], counts[0] + 12))


def on_terminal(as_json: bool = False) -> tuple[Output, Callable[[], str]]:
    """An output whose streams are a terminal, and what was written to it."""
    output, written = Output(as_json), io.StringIO()
    output.out = Console(file=written, force_terminal=True, color_system=None, width=80)
    output.err = Console(file=io.StringIO(), force_terminal=True)
    return output, written.getvalue


def test_a_terminal_shows_each_character_at_once() -> None:
    output, written = on_terminal()
    screen = Screen(output, "A list is")
    assert written() == ""
    for piece, seen in ((" ", "A list is "), ("a", "A list is a"), ("\n", "A list is a\n")):
        screen.show(piece)
        assert written().endswith(seen)


def test_long_text_is_not_broken() -> None:
    output, written = on_terminal()
    screen = Screen(output, "")
    for piece in "[b]" * 50:
        screen.show(piece)
    assert written().endswith("[b]" * 50)


@pytest.mark.parametrize("as_json", [True, False])
def test_nothing_is_streamed_into_json_or_a_pipe(as_json: bool) -> None:
    output, written = on_terminal(as_json)
    if not as_json:
        output.out = Console(file=output.out.file)
    Screen(output, "A list is").show(" ")
    assert written() == ""


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MIN_AGREED", 3, "FAILED at least 3 of 2 prompts go on alike: 2 do"),
        ("MAX_PERPLEXITY_CHANGE", {"bfloat16": 0.0}, "FAILED perplexities differ by less than 0.0"),
    ],
)
def test_a_difference_fails(
    symbiote: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, said: str
) -> None:
    monkeypatch.setattr(demonstration_llama, name, value)
    result = symbiote("demo", "llama", "--tokens", 2)
    assert result.exit_code == 1
    assert said in result.stdout


@pytest.mark.usefixtures("short")
def test_other_text_fails(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = demonstration_llama.continuation

    def write(*args: Any) -> torch.Tensor:
        go_on(*args)
        return characters.encode(next(texts), characters.load_vocabulary())

    # The prompt and two more on torch, then on the device.
    texts = iter(["the text", "alike 12", "alike 34", "the tent", "alike 12", "alike 56"])
    monkeypatch.setattr(demonstration_llama, "continuation", write)
    result = symbiote("demo", "llama", "--tokens", 8)
    assert result.exit_code == 1
    assert "torch writes the same for 6 characters" in result.stdout
    assert "1 of 2 go on alike" in result.stdout
    rows = [line for line in result.stdout.splitlines() if " of 8" in line]
    assert [row.split()[-3:] for row in rows] == [["8", "of", "8"], ["6", "of", "8"]]


@pytest.mark.usefixtures("short", "failing_decoder_layers")
def test_a_fallback_fails(symbiote: Any) -> None:
    result = symbiote("demo", "llama", "--tokens", 2)
    assert result.exit_code == 1
    assert "FAILED nothing fell back to torch" in result.stdout
    assert "no such luck" in result.stdout


def test_a_prompt_of_unknown_characters(symbiote: Any) -> None:
    assert message_of(symbiote("demo", "llama", "--prompt", "naïve 文\t")) == (
        r"Error: The model does not know the characters '\tï文'. It reads printable ASCII, line "
        "breaks, and what else occurs in Python's reference. Leave them out of --prompt."
    )


def test_an_empty_prompt(symbiote: Any) -> None:
    message = message_of(symbiote("demo", "llama", "--prompt", ""))
    assert message == "Error: The prompt is empty. Give at least one character with --prompt."


def test_more_than_the_model_looks_back_on(symbiote: Any) -> None:
    assert message_of(symbiote("demo", "llama", "--prompt", "abc", "--tokens", 254)) == (
        "Error: The prompt has 3 characters and 254 are to follow, but the model looks back on 256 "
        "at most. Shorten --prompt, or ask for fewer --tokens."
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ("llama", "--no-png"),
            "--no-png is an option of `symbiote demo vit`; `symbiote demo llama` has none of that "
            "name. Leave it out.",
        ),
        (
            ("--prompt", "x"),
            "--prompt is an option of `symbiote demo llama`; `symbiote demo vit` has none of that "
            "name. Leave it out.",
        ),
    ],
)
def test_an_option_of_the_other_demo(symbiote: Any, args: tuple[str, ...], message: str) -> None:
    assert message_of(symbiote("demo", *args)) == f"Error: {message}"


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("gpt",), "'gpt'"),
        (("llama", "--tokens", 1), "--tokens"),
        (("llama", "--weights", "int8"), "'int8'"),
    ],
)
def test_values_that_there_are_not(symbiote: Any, args: tuple[Any, ...], named: str) -> None:
    assert named in message_of(symbiote("demo", *args))


def test_a_device_that_computes_nothing(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.Device, "computes", property(lambda _: False))
    assert message_of(symbiote("demo", "llama")) == (
        "Error: 'emulator' checks calls and computes no values, so it can't write. Use --device "
        "emulator, or `symbiote check` to ask TTNN about a model."
    )


def test_missing_transformers(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert message_of(symbiote("demo", "llama")) == (
        "Error: transformers is needed to load the demo's model, and it is not installed. "
        "Install it with: pip install transformers"
    )
