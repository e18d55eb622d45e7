"""``symbiote new-plugin``: a package with a kernel and a policy, to start from."""

from pathlib import Path
from typing import Annotated

import typer

from symbiote_cli.options import AsJson, Verbose
from symbiote_cli.output import Output

SHORT_HELP = "Make the package of a new plugin."
HELP = (
    "Make a package that brings a kernel and a policy: it installs, passes its own tests, and is "
    "found. With --for the kernel replaces a module of that architecture, otherwise a layer that "
    "the package brings as an example. Nothing that is there is changed."
)
EXAMPLES = (
    "symbiote new-plugin symbiote-bert --for transformers:bert",
    "symbiote new-plugin my-kernels --into ~/code --license MIT",
)


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="The distribution, such as symbiote-bert.", show_default=False
        ),
    ],
    made_for: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="LIBRARY:TYPE",
            show_default=False,
            help="An architecture: transformers:MODEL_TYPE.",
        ),
    ] = None,
    into: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the package's folder is made.")
    ] = Path(),
    license_name: Annotated[
        str, typer.Option("--license", metavar="NAME", help="Apache-2.0, MIT or none.")
    ] = "Apache-2.0",
    author: Annotated[
        str, typer.Option(metavar="NAME", show_default=False, help="Who has the copyright.")
    ] = "",
    as_json: AsJson = False,
    _verbose: Verbose = 0,
) -> None:
    """Make a package and say what to do with it."""
    from symbiote_cli.creating import create_plugin, show_created

    output = Output(as_json)
    created = create_plugin(output, name, made_for, into.expanduser(), license_name, author)
    show_created(output, created)
