"""How the result of ``symbiote run`` is shown."""

import json
import statistics
from collections.abc import Sequence
from typing import Any

import attrs
from rich.text import Text

from symbiote_cli.inputs import describe
from symbiote_cli.output import Output
from symbiote_cli.results import Label
from symbiote_cli.running import RunResult
from symbiote_cli.tables import duration, facts, print_report, table, transfers

GOOD_PCC = 0.99
"""The correlation below which a comparison is shown in red."""


def show_run(output: Output, result: RunResult) -> None:
    """Print the answer, the comparison and the report.

    Args:
        output: where to.
        result: what the run gave.
    """
    output.emit(as_data(result))
    for note in result.notes:
        output.note(note)
    rows: list[tuple[str, str | Text]] = [
        ("Model", f"{result.model_class} ({result.dtype}), from {result.request.model}"),
        ("Device", result.device),
    ]
    rows += [("Input", f"{name} {what}") for name, what in result.inputs.describe().items()]
    output.print(facts(rows), "")
    _show_answer(output, result)
    print_report(output, result.report)
    _show_comparison(output, result)
    times: list[tuple[str, str | Text]] = [
        ("Swapped in", duration(result.report.seconds)),
        ("Forward", _times(result.seconds)),
    ]
    if result.torch_seconds:
        times.append(("With torch", _times(result.torch_seconds)))
    output.print(facts([*times, ("Transfers", f"{transfers(result.report)} a forward")]))


def as_data(result: RunResult) -> dict[str, Any]:
    """The result as JSON holds it.

    Args:
        result: what the run gave.
    """
    comparison = None
    if result.request.compare:
        comparison = {
            "outputs": [attrs.asdict(c) for c in result.comparison],
            "labels": _label_data(result.torch_labels),
            "seconds": list(result.torch_seconds),
        }
    return {
        "model": result.request.model,
        "model_class": result.model_class,
        "dtype": result.dtype,
        "device": result.device,
        "notes": list(result.notes),
        "inputs": result.inputs.describe(),
        "outputs": {name: describe(tensor) for name, tensor in result.outputs.items()},
        "labels": _label_data(result.labels),
        "comparison": comparison,
        "seconds": list(result.seconds),
        "report": json.loads(result.report.to_json()),
    }


def _label_data(labels: Sequence[Label]) -> list[dict[str, Any]]:
    return [attrs.asdict(label) for label in labels]


def _show_answer(output: Output, result: RunResult) -> None:
    if not result.labels:
        made = table("Answer", "Output", "Shape and dtype")
        for name, tensor in result.outputs.items():
            made.add_row(Text(name), Text(describe(tensor)))
        output.print(made)
        return
    numbers = ("Probability",)
    columns = ["Class", "Probability"]
    if result.torch_labels:
        columns += ["With torch", "Probability"]
    made = table("Answer", *columns, right=numbers)
    for index, label in enumerate(result.labels):
        cells = [Text(label.name), Text(f"{label.probability:.2%}")]
        if result.torch_labels:
            other = result.torch_labels[index]
            cells += [Text(other.name), Text(f"{other.probability:.2%}")]
        made.add_row(*cells)
    output.print(made)


def _show_comparison(output: Output, result: RunResult) -> None:
    if not result.comparison:
        return
    numbers = ("PCC", "Relative RMS", "Top 5 shared", "Same best")
    made = table("Compared with torch", "Output", *numbers, right=numbers)
    for found in result.comparison:
        made.add_row(
            Text(found.name),
            Text(f"{found.pcc:.6f}", style="green" if found.pcc >= GOOD_PCC else "bold red"),
            f"{found.relative_rms:.4f}",
            "" if found.top_overlap is None else f"{found.top_overlap:.0%}",
            "" if found.same_best is None else f"{found.same_best:.0%}",
        )
    output.print(made)


def _times(seconds: Sequence[float]) -> str:
    if len(seconds) == 1:
        return duration(seconds[0])
    later = seconds[1:]
    return (
        f"first {duration(seconds[0])}, then median {duration(statistics.median(later))}, "
        f"best {duration(min(later))} ({len(seconds)} forwards)"
    )
