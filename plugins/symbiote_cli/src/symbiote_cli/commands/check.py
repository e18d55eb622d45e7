"""``symbiote check``: what TTNN itself says of a model, on mock chips."""

from typing import Annotated

import typer

from symbiote_cli.errors import EXIT_CHECK_FAILED
from symbiote_cli.options import (
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

SHORT_HELP = "Ask TTNN itself, on mock chips, whether it takes a model."
HELP = (
    "Swap a model and run it on mock chips: the real TTNN validates every call, lays out memory "
    "and builds programs, and computes nothing. Shows what it refuses and why, device operations, "
    "programs, memory and host time; of a model that generates, those of the prefill and of a "
    "decode step. Each architecture runs in a process of its own. Exits with 1 if anything is "
    "refused or does not fit; needs the ttnn wheel and no chip. With --random-weights, large "
    "weights get no values: the model may be larger than this machine's memory."
)
EXAMPLES = (
    "symbiote check google/vit-base-patch16-224",
    "symbiote check ./config.json --random-weights --arch blackhole",
    "symbiote check ./config.json --random-weights --weights bfloat8_b --batch 32",
    "symbiote check ./my-model --max-fallbacks 2 --json > check.json",
)


def command(
    model: Model,
    random_weights: RandomWeights = False,
    seed: Seed = 0,
    arch: Annotated[
        str, typer.Option(metavar="NAMES", help="Architectures, separated by commas.")
    ] = "wormhole_b0,blackhole",
    policy: Policy = "auto",
    include: Include = [],  # noqa: B006 - typer copies it
    exclude: Exclude = [],  # noqa: B006 - typer copies it
    image: Image = None,
    text: Text = None,
    batch: Annotated[int, typer.Option(min=1, help="Equal inputs in a forward.")] = 1,
    max_fallbacks: Annotated[
        int,
        typer.Option(
            min=0, help="Calls in all forwards that may run on torch before the exit code is 1."
        ),
    ] = 0,
    dtype: LoadAs = DType.AUTO,
    weights: Weights = None,
    trust_remote_code: TrustRemoteCode = False,
    as_json: AsJson = False,
    _verbose: Verbose = 0,
) -> None:
    """Check a model on each architecture and leave with the verdict."""
    from symbiote_cli.checking import Request, check
    from symbiote_cli.checking_output import show_check

    output = Output(as_json)
    request = Request(
        model=model,
        random_weights=random_weights,
        seed=seed,
        archs=tuple(dict.fromkeys(name.strip() for name in arch.split(","))),
        policy=policy,
        include=tuple(include),
        exclude=tuple(exclude),
        image=image,
        text=text,
        max_fallbacks=max_fallbacks,
        dtype=dtype.value,
        batch=batch,
        weights=None if weights is None else weights.value,
        trust_remote_code=trust_remote_code,
    )
    result = check(output, request)
    show_check(output, result)
    if not result.passed:
        raise typer.Exit(EXIT_CHECK_FAILED)
