"""``symbiote demo``: small trained models on real data, with torch and swapped, compared."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from symbiote_cli.errors import EXIT_CHECK_FAILED, CommandError
from symbiote_cli.options import DEVICE_HELP, AsJson, Policy, Verbose, WeightDType
from symbiote_cli.output import Output

SHORT_HELP = "Run a small trained model, on torch and swapped, and compare."
HELP = (
    "Run a small trained model on torch and then swapped, and compare. "
    "vit classifies handwritten digits, and exits with 1 if the accuracies differ by more than one "
    "image or are below 96 %. llama writes text in the style of Python's reference, character by "
    "character, and exits with 1 if fewer than 9 of 10 prompts go on alike or the perplexities "
    "differ by 0.5 % (2 % with bfloat8_b). Both do if anything fell back to torch."
)
EXAMPLES = (
    "symbiote demo",
    "symbiote demo --policy vit-fine --no-png",
    "symbiote demo --json > demo.json",
    "symbiote demo llama --prompt 'A list is' --tokens 200",
    "symbiote demo llama --weights bfloat8_b",
)


class Which(str, enum.Enum):
    """The demos there are."""

    VIT = "vit"
    LLAMA = "llama"


OPTIONS = {
    Which.VIT: {"batch_size": "--batch-size", "png": "--png", "no_png": "--no-png"},
    Which.LLAMA: {"prompt": "--prompt", "tokens": "--tokens", "weights": "--weights"},
}
"""The options that only one demo has, by the names of parameters."""


def command(
    context: typer.Context,
    which: Annotated[Which, typer.Argument(help="The model.")] = Which.VIT,
    device: Annotated[str, typer.Option(metavar="DEVICE", help=DEVICE_HELP)] = "emulator",
    policy: Policy = "auto",
    batch_size: Annotated[
        int, typer.Option(min=1, help="Images in a forward.", rich_help_panel="vit")
    ] = 64,
    png: Annotated[
        Path,
        typer.Option(
            "--png",
            metavar="PATH",
            dir_okay=False,
            help="Where digits are drawn.",
            rich_help_panel="vit",
        ),
    ] = Path("symbiote-demo.png"),
    no_png: Annotated[
        bool, typer.Option("--no-png", help="Write no picture.", rich_help_panel="vit")
    ] = False,
    prompt: Annotated[
        str,
        typer.Option(metavar="TEXT", help="What to continue.", rich_help_panel="llama"),
    ] = 'The "for" statement is used to',
    tokens: Annotated[
        int,
        typer.Option(min=2, help="Characters to write after it.", rich_help_panel="llama"),
    ] = 200,
    weights: Annotated[
        WeightDType,
        typer.Option(help="TTNN's dtype of the swapped matrices.", rich_help_panel="llama"),
    ] = WeightDType.BFLOAT16,
    as_json: AsJson = False,
    _verbose: Verbose = 0,
) -> None:
    """Run one of the demos and leave with its verdict."""
    _refuse_others(context, which)
    output = Output(as_json)
    if which is Which.VIT:
        passed = _vit(output, device, policy, batch_size, None if no_png else png)
    else:
        passed = _llama(output, device, policy, prompt, tokens, weights.value)
    if not passed:
        raise typer.Exit(EXIT_CHECK_FAILED)


def _refuse_others(context: typer.Context, which: Which) -> None:
    for demo, options in OPTIONS.items():
        for name, option in options.items():
            source = context.get_parameter_source(name)
            if demo is not which and source is not None and source.name == "COMMANDLINE":
                raise CommandError(
                    f"{option} is an option of `symbiote demo {demo.value}`; "
                    f"`symbiote demo {which.value}` has none of that name. Leave it out."
                )


def _vit(output: Output, device: str, policy: str, batch_size: int, png: Path | None) -> bool:
    from symbiote_cli.demonstration import run_demo
    from symbiote_cli.demonstration_output import show_demo

    result = run_demo(output, device, policy, batch_size)
    show_demo(output, result, png)
    return result.passed


def _llama(
    output: Output, device: str, policy: str, prompt: str, tokens: int, weights: str
) -> bool:
    from symbiote_cli.demonstration_llama import Ask, run_llama_demo
    from symbiote_cli.demonstration_llama_output import Screen, show_llama_demo

    ask = Ask(prompt=prompt, length=tokens, weights=weights, device=device, policy=policy)
    result = run_llama_demo(output, ask, Screen(output, prompt).show)
    show_llama_demo(output, result)
    return result.passed
