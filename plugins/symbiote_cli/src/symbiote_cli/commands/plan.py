"""``symbiote plan``: what would be replaced, by what and why; touches nothing."""

from typing import Annotated

import typer

from symbiote_cli.options import AsJson, Exclude, Include, Model, Policy, TrustRemoteCode, Verbose
from symbiote_cli.output import Output

SHORT_HELP = "Show what would be replaced in a model, by what and why."
HELP = (
    "Show what would be replaced in a model, by what, and why the rest stays on torch. Only the "
    "configuration is read: no weights are loaded, and nothing is changed."
)
EXAMPLES = (
    "symbiote plan google/vit-base-patch16-224",
    "symbiote plan ./config.json --policy vit-fine --all",
    "symbiote plan ./my-model --exclude '*.layer.0' --json",
)


def command(
    model: Model,
    policy: Policy = "auto",
    include: Include = [],  # noqa: B006 - typer copies it
    exclude: Exclude = [],  # noqa: B006 - typer copies it
    every: Annotated[
        bool, typer.Option("--all", help="Give each module a row of its own.")
    ] = False,
    trust_remote_code: TrustRemoteCode = False,
    as_json: AsJson = False,
    _verbose: Verbose = 0,
) -> None:
    """Plan a model built from its configuration, and show the plan."""
    from symbiote_cli.loading import Source
    from symbiote_cli.planning import plan_model, show_plan

    output = Output(as_json)
    source = Source.of(model, trust_remote_code)
    show_plan(output, plan_model(output, source, policy, include, exclude), every)
