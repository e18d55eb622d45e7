"""``symbiote explain``: why a module would be replaced as it would, or stay on torch."""

from typing import Annotated

import typer

from symbiote_cli.options import (
    AsJson,
    Exclude,
    Include,
    Model,
    Policy,
    TrustRemoteCode,
    Verbose,
)
from symbiote_cli.output import Output

SHORT_HELP = "Show why a module is replaced as it is, or stays on torch."
HELP = (
    "Show for a module of a model which policies and kernels there are, with plugin and priority, "
    "and why each is taken or not. As with plan, only the configuration is read. Modules alike "
    "share a section."
)
EXAMPLES = (
    "symbiote explain google/vit-base-patch16-224 classifier",
    "symbiote explain ./config.json 'vit.*.layer.0' --policy vit-fine",
    "symbiote explain ./my-model 're:.*norm' --json",
)


def command(
    model: Model,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="The module's path, a glob or re:REGEX; '' is the model itself.",
            show_default=False,
        ),
    ],
    policy: Policy = "auto",
    include: Include = [],  # noqa: B006 - typer copies it
    exclude: Exclude = [],  # noqa: B006 - typer copies it
    trust_remote_code: TrustRemoteCode = False,
    as_json: AsJson = False,
    _verbose: Verbose = 0,
) -> None:
    """Plan a model built from its configuration, and explain modules of it."""
    from symbiote_cli.explaining import explain_model, show_explained
    from symbiote_cli.loading import Source

    output = Output(as_json)
    source = Source.of(model, trust_remote_code)
    show_explained(output, explain_model(output, source, path, policy, include, exclude))
