"""How the Llama demo's result is shown: the text as it comes, tables, JSON."""

import itertools
import json
from typing import Any

import attrs
from rich.text import Text

from symbiote_cli.demonstration_llama import LlamaResult, Writing
from symbiote_cli.demonstration_output import checks_data, show_checks
from symbiote_cli.output import Output
from symbiote_cli.tables import duration, facts, moved, print_report, table


class Screen:
    """Shows a text while it is written, where somebody looks at a terminal."""

    def __init__(self, output: Output, prompt: str) -> None:
        """Show nothing yet.

        Args:
            output: where to.
            prompt: stands before the text.
        """
        self._output = output
        self._prompt = prompt
        self._started = False

    def show(self, text: str) -> None:
        """Show the next piece of the text.

        Args:
            text: one character or more.
        """
        if self._output.shows_progress:
            if not self._started:
                self._started = True
                _show_prompt(self._output, self._prompt)
            _write(self._output, text)


def show_llama_demo(output: Output, result: LlamaResult) -> None:
    """Print everything; of the text only what a `Screen` has not shown already.

    Args:
        output: where to.
        result: what the demo found.
    """
    output.emit(as_data(result))
    if output.as_json:
        return
    if not output.shows_progress:
        _show_prompt(output, result.ask.prompt)
        _write(output, result.swapped.text + "\n")
    output.print("")
    print_report(output, result.report)
    _show_prompts(output, result)
    _show_comparison(output, result)
    show_checks(output, result.checks)


def as_data(result: LlamaResult) -> dict[str, Any]:
    """The result as JSON holds it.

    Args:
        result: what the demo found.
    """
    return {
        "passed": result.passed,
        "checks": checks_data(result.checks),
        "device": result.device,
        "weights": result.ask.weights,
        "prompt": result.ask.prompt,
        "torch": _writing_data(result.on_torch),
        "swapped": _writing_data(result.swapped),
        "prompts": list(result.prompts),
        "prompts_agreed": result.agreed,
        "perplexity_change": result.change,
        "decoding": attrs.asdict(result.decoding),
        "report": json.loads(result.report.to_json()),
    }


def _writing_data(one: Writing) -> dict[str, Any]:
    return {
        "text": one.text,
        "continued": list(one.compared),
        "seconds": one.seconds,
        "tokens_per_second": one.speed,
        "perplexity": one.perplexity,
    }


def _show_prompt(output: Output, prompt: str) -> None:
    output.print(Text("A prompt, and how the swapped model goes on", style="bold"), "")
    _write(output, prompt, "dim")


def _write(output: Output, text: str, style: str = "") -> None:
    if output.out.options.ascii_only:
        text = text.encode("ascii", "replace").decode()
    output.out.print(Text(text, style=style, end=""), end="", soft_wrap=True)


def _alike(one: str, other: str) -> int:
    """How many characters two texts have in common from the start."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in pairs)


def _show_prompts(output: Output, result: LlamaResult) -> None:
    title = "Beginnings of held-out paragraphs, and for how long both go on alike"
    made = table(title, "Prompt", "Alike for", right=("Alike for",))
    pairs = zip(result.prompts, result.on_torch.compared, result.swapped.compared, strict=True)
    for prompt, mine, theirs in pairs:
        made.add_row(Text(prompt), f"{_alike(mine, theirs)} of {len(mine)}")
    output.print(made)


def _show_comparison(output: Output, result: LlamaResult) -> None:
    numbers = ("Perplexity", "Time", "Tokens/s")
    count, length = len(result.prompts), len(result.swapped.compared[0])
    title = f"{count} prompts, {length} tokens each; {result.held_out:,} held-out tokens"
    made = table(title, "", *numbers, right=numbers)
    swapped = f"{result.device} {result.ask.weights}"
    for name, one in (("torch float32", result.on_torch), (swapped, result.swapped)):
        made.add_row(
            Text(name), f"{one.perplexity:.4f}", duration(one.seconds), f"{one.speed:,.0f}"
        )
    mine, theirs = result.on_torch.text, result.swapped.text
    alike = "the same" if mine == theirs else f"the same for {_alike(mine, theirs)} characters"
    output.print(
        made,
        facts(
            [
                ("Swapped in", duration(result.report.seconds)),
                ("A decode step", moved(result.decoding)),
                ("The text above", f"torch writes {alike}"),
                ("Prompts", f"{result.agreed} of {count} go on alike"),
                ("Perplexity", f"{result.change:+.3%}"),
            ]
        ),
        "",
    )
