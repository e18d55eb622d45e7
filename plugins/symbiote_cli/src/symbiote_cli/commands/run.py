"""``symbiote run``: one model, swapped, on one input."""

from typing import Annotated

import typer

from symbiote_cli.options import (
    DEVICE_HELP,
    AsJson,
    DType,
    Exclude,
    Image,
    Include,
    LoadAs,
    Model,
    Policy,
    RandomWeights,
    Seed,
    Text,
    TrustRemoteCode,
    Verbose,
    Weights,
)
from symbiote_cli.output import Output

SHORT_HELP = "Run a model swapped for TTNN."
HELP = "Run a Hugging Face model swapped for TTNN, and show its answer and what ran where."
EXAMPLES = (
    "symbiote run google/vit-base-patch16-224 --image cat.jpg --compare",
    "symbiote run ./my-model --device mock:wormhole_b0 --strict",
    "symbiote run ./config.json --random-weights --seed 1 --repeat 10",
    "symbiote run ./my-model --exclude '*.layer.0' --exclude 're:.*classifier'",
)


def command(
    model: Model,
    random_weights: RandomWeights = False,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(metavar="DEVICE", help=DEVICE_HELP)] = "auto",
    policy: Policy = "auto",
    include: Include = [],  # noqa: B006 - typer copies it
    exclude: Exclude = [],  # noqa: B006 - typer copies it
    strict: Annotated[
        bool, typer.Option("--strict", help="End with an error instead of falling back to torch.")
    ] = False,
    image: Image = None,
    text: Text = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Run it with torch too, and compare the answers.")
    ] = False,
    repeat: Annotated[int, typer.Option(min=1, help="Forwards, for their time.")] = 1,
    dtype: LoadAs = DType.AUTO,
    weights: Weights = None,
    trust_remote_code: TrustRemoteCode = False,
    as_json: AsJson = False,
    _verbose: Verbose = 0,
) -> None:
    """Load, swap, run and show a model."""
    from symbiote_cli.running import Request, run_model
    from symbiote_cli.running_output import show_run

    output = Output(as_json)
    request = Request(
        model=model,
        random_weights=random_weights,
        seed=seed,
        device=device,
        policy=policy,
        include=tuple(include),
        exclude=tuple(exclude),
        strict=strict,
        image=image,
        text=text,
        compare=compare,
        repeat=repeat,
        dtype=dtype.value,
        weights=None if weights is None else weights.value,
        trust_remote_code=trust_remote_code,
    )
    show_run(output, run_model(output, request))
