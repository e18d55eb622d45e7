"""``symbiote plugins``: what is installed."""

from typing import Annotated

import typer

from symbiote_cli.options import AsJson, Verbose
from symbiote_cli.output import Output

SHORT_HELP = "List the installed plugins."
HELP = (
    "List the installed plugins without importing any of them; --load imports them and shows what "
    "each brings or where it failed."
)
EXAMPLES = (
    "symbiote plugins",
    "symbiote plugins --load",
    "SYMBIOTE_PLUGINS=emulator,ttnn symbiote plugins --load",
)


def command(
    load: Annotated[
        bool, typer.Option("--load", help="Import them, and show state, problems and contents.")
    ] = False,
    as_json: AsJson = False,
    _verbose: Verbose = 0,
) -> None:
    """List the plugins."""
    from symbiote_cli.listing import find_plugins, show_plugins

    output = Output(as_json)
    show_plugins(output, find_plugins(output, load), load)
