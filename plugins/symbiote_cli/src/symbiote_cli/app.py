"""The command line: its options and its commands. Heavy imports wait until a command runs."""

import importlib.metadata
import sys
from typing import Annotated

import typer

from symbiote_cli.commands import check, demo, doctor, explain, new_plugin, plan, plugins, run
from symbiote_cli.errors import EXIT_INTERRUPTED
from symbiote_cli.group import SymbioteGroup
from symbiote_cli.options import Verbose, help_page

HELP = help_page(
    "Run pretrained PyTorch models on Tenstorrent devices, or without one on the emulator.",
    Examples=(
        "symbiote demo",
        "symbiote doctor",
        "symbiote plan google/vit-base-patch16-224",
        "symbiote explain google/vit-base-patch16-224 classifier",
        "symbiote run google/vit-base-patch16-224 --image cat.jpg --compare",
        "symbiote check google/vit-base-patch16-224",
    ),
    Exit_codes=(
        "0    all is well",
        "1    the work was done, and a check failed",
        "2    bad input; the message says what to change",
        "3    a defect",
        "130  interrupted",
    ),
)

app = typer.Typer(
    name="symbiote",
    cls=SymbioteGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            version = importlib.metadata.version("symbiote-cli")
        except importlib.metadata.PackageNotFoundError:
            version = "(not installed: run from its source)"
        typer.echo(f"symbiote {version}")
        raise typer.Exit


@app.callback(help=HELP)
def options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    _verbose: Verbose = 0,
) -> None:
    """Take the options that stand before the command."""


for command in (demo, run, plan, explain, check, plugins, new_plugin, doctor):
    app.command(
        command.__name__.rpartition(".")[2].replace("_", "-"),
        help=help_page(command.HELP, Examples=command.EXAMPLES),
        short_help=command.SHORT_HELP,
    )(command.command)


def main() -> None:
    """Run the command line; the entry point of the ``symbiote`` script."""
    try:
        app()
    except KeyboardInterrupt:  # before the first command, or while Python shuts down
        sys.exit(EXIT_INTERRUPTED)
