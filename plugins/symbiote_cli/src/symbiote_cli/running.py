"""The work of ``symbiote run``: load, swap, run, compare."""

import time
from pathlib import Path
from typing import Any

import attrs
import torch

from symbiote_cli._optional import needs
from symbiote_cli.inputs import Inputs, make_inputs
from symbiote_cli.loading import Source, load_or_build
from symbiote_cli.output import Output
from symbiote_cli.progress import counted, working
from symbiote_cli.quiet import quiet_libraries
from symbiote_cli.results import Comparison, Label, compare, tensors_of, top_labels
from symbiote_cli.session import opened, swapped
from symbiote_core import Report, report


@attrs.frozen
class Request:
    """What the user asked for; see the options of the command."""

    model: str
    random_weights: bool
    seed: int
    device: str
    policy: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    strict: bool
    image: Path | None
    text: str | None
    compare: bool
    repeat: int
    dtype: str
    weights: str | None
    trust_remote_code: bool = False


@attrs.frozen
class RunResult:
    """What a run gave.

    Attributes:
        request: what was asked for.
        model_class: the model's class name.
        dtype: its torch dtype.
        device: what it ran on.
        inputs: what it ran on.
        outputs: the swapped model's tensors by name.
        labels: the likeliest classes, if it is a classifier.
        comparison: with torch; empty if it was not asked for.
        torch_labels: torch's likeliest classes; empty if it was not asked for.
        torch_seconds: of torch's forwards; empty if it was not asked for.
        seconds: of the swapped model's forwards.
        report: what was swapped and what happened.
        notes: what the user should know.
    """

    request: Request
    model_class: str
    dtype: str
    device: str
    inputs: Inputs
    outputs: dict[str, torch.Tensor]
    labels: tuple[Label, ...]
    comparison: tuple[Comparison, ...]
    torch_labels: tuple[Label, ...]
    torch_seconds: tuple[float, ...]
    seconds: tuple[float, ...]
    report: Report
    notes: tuple[str, ...]


def run_model(output: Output, request: Request) -> RunResult:
    """Do what was asked for; the device is opened first, since it fails fastest.

    Args:
        output: for progress bars.
        request: what was asked for.

    Raises:
        CommandError: if the model can't be loaded or the input does not fit.
        MissingPackageError: if transformers is not installed.
        SymbioteError: if the model can't be swapped; with ``strict``, if anything fell back.
    """
    source = Source.of(request.model, request.trust_remote_code)
    with needs("transformers", "load Hugging Face models"):
        import transformers  # noqa: F401 - told before anything else is done
    with (
        output.reserved(),
        opened(request.device) as device,
        quiet_libraries(),
        torch.no_grad(),
    ):
        with working(output, f"Loading {source.name}"):
            seed = request.seed if request.random_weights else None
            loaded = load_or_build(source, request.dtype, seed)
            inputs = make_inputs(loaded.model, source, request.image, request.text)
        model = loaded.model
        expected: dict[str, torch.Tensor] = {}
        torch_seconds: tuple[float, ...] = ()
        if request.compare:
            expected, torch_seconds = _forward(output, model, inputs, request.repeat, "torch")
        with swapped(
            model,
            device,
            output,
            request.policy,
            request.include,
            request.exclude,
            request.strict,
            request.weights,
        ):
            outputs, seconds = _forward(output, model, inputs, request.repeat, device.name)
            found = report(model)
        notes = loaded.notes + inputs.notes
        if not device.computes:
            notes += (
                "The mock chip checks calls and computes no values: the answer means nothing.",
            )
        return RunResult(
            request=request,
            model_class=type(model).__name__,
            dtype=str(model.dtype).removeprefix("torch."),
            device=device.name,
            inputs=inputs,
            outputs=outputs,
            labels=top_labels(model.config, outputs),
            comparison=compare(expected, outputs),
            torch_labels=top_labels(model.config, expected),
            torch_seconds=torch_seconds,
            seconds=seconds,
            report=found,
            notes=notes,
        )


def _forward(
    output: Output, model: Any, inputs: Inputs, repeat: int, where: str
) -> tuple[dict[str, torch.Tensor], tuple[float, ...]]:
    """The outputs of the last of ``repeat`` forwards, and the time of each."""
    seconds: list[float] = []
    tensors: dict[str, torch.Tensor] = {}
    for _ in counted(output, range(repeat), f"Running on {where}"):
        start = time.perf_counter()
        result = model(**inputs.tensors)
        seconds.append(time.perf_counter() - start)
        tensors = dict(tensors_of(result))
    return tensors, tuple(seconds)
