"""``symbiote demo``: a small ViT on real digits, with torch and swapped, compared."""

from pathlib import Path
from typing import Annotated

import typer

from symbiote_cli.errors import EXIT_CHECK_FAILED
from symbiote_cli.options import DEVICE_HELP, AsJson, Policy, Verbose
from symbiote_cli.output import Output

SHORT_HELP = "Classify digits with a ViT, on torch and swapped, and compare."
HELP = (
    "Classify handwritten digits with a small ViT, on torch and then swapped, and compare. "
    "Exits with 1 if the accuracies differ by more than one image, are below 96 %, or anything "
    "fell back to torch."
)
EXAMPLES = (
    "symbiote demo",
    "symbiote demo --policy vit-fine --no-png",
    "symbiote demo --json > demo.json",
)


def command(
    device: Annotated[str, typer.Option(metavar="DEVICE", help=DEVICE_HELP)] = "emulator",
    policy: Policy = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Images in a forward.")] = 64,
    png: Annotated[
        Path, typer.Option("--png", metavar="PATH", dir_okay=False, help="Where digits are drawn.")
    ] = Path("symbiote-demo.png"),
    no_png: Annotated[bool, typer.Option("--no-png", help="Write no picture.")] = False,
    as_json: AsJson = False,
    _verbose: Verbose = 0,
) -> None:
    """Run the demo and leave with its verdict."""
    from symbiote_cli.demonstration import run_demo
    from symbiote_cli.demonstration_output import show_demo

    output = Output(as_json)
    result = run_demo(output, device, policy, batch_size)
    show_demo(output, result, None if no_png else png)
    if not result.passed:
        raise typer.Exit(EXIT_CHECK_FAILED)
