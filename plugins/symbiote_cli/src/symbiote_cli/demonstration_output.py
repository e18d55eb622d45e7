"""How the demo's result is shown: tables, drawn digits, a PNG, JSON."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import torch
from rich.text import Text

from symbiote_cli.demonstration import Check, DemoResult, Pass
from symbiote_cli.drawing import digits_as_text, draw_digits_png
from symbiote_cli.errors import CommandError, first_line
from symbiote_cli.output import Output
from symbiote_cli.tables import duration, facts, print_report, table, transfers

SHEET = 40
"""Digits on the picture: five rows of eight."""


def show_demo(output: Output, result: DemoResult, png: Path | None) -> None:
    """Print everything, and write the picture.

    Args:
        output: where to.
        result: what the demo found.
        png: the picture's path, or None for no picture.

    Raises:
        CommandError: if the picture can't be written.
    """
    if png is not None:
        _write_png(result, png)
    output.emit(as_data(result, png))
    _show_digits(output, result)
    print_report(output, result.report)
    _show_comparison(output, result)
    if png is not None:
        output.print(Text(f"Digits drawn in {png}"))
    show_checks(output, result.checks)


def as_data(result: DemoResult, png: Path | None) -> dict[str, Any]:
    """The result as JSON holds it.

    Args:
        result: what the demo found.
        png: the picture's path, or None.
    """
    return {
        "passed": result.passed,
        "checks": checks_data(result.checks),
        "device": result.device,
        "images": result.total,
        "batch_size": result.batch_size,
        "torch": _pass_data(result, result.on_torch),
        "swapped": _pass_data(result, result.swapped),
        "predictions_changed": result.changed,
        "logits_pcc": result.pcc,
        "logits_relative_rms": result.relative_rms,
        "png": None if png is None else str(png),
        "report": json.loads(result.report.to_json()),
    }


def _pass_data(result: DemoResult, one: Pass) -> dict[str, Any]:
    return {
        "correct": one.correct,
        "accuracy": one.correct / result.total,
        "seconds": one.seconds,
    }


def _write_png(result: DemoResult, png: Path) -> None:
    part = png.with_name(f".{png.name}.part")  # so that no half picture is ever left under its name
    try:
        _draw(result, part)
        os.replace(part, png)
    except OSError as error:
        raise CommandError(
            f"The picture can't be written to {png} ({first_line(error)}). Choose another place "
            "with --png, or --no-png."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _draw(result: DemoResult, path: Path) -> None:
    digits = result.digits
    draw_digits_png(digits.images[:SHEET], digits.labels[:SHEET], result.predictions[:SHEET], path)


def _show_digits(output: Output, result: DemoResult) -> None:
    if output.as_json:
        return
    labels, predictions = result.digits.labels, result.predictions
    one_each = [int((labels == digit).nonzero()[0, 0]) for digit in sorted(set(labels.tolist()))]
    wrong = (labels != predictions).nonzero().flatten().tolist()
    columns = max(1, min(10, (output.out.width + 2) // 15))
    output.print(Text("Real digits: label → what the swapped model says", style="bold"), "")
    for chosen in (one_each, [i for i in wrong if i not in one_each][:columns]):
        if not chosen:
            continue
        if chosen is not one_each:
            count = f"{len(wrong)} of {result.total}"
            output.print(Text(f"Some of those it gets wrong ({count})", style="bold"), "")
        index = torch.tensor(chosen)
        drawn = digits_as_text(
            result.digits.images[index],
            labels[index],
            predictions[index],
            columns,
            ascii_only=output.out.options.ascii_only,
        )
        output.print(drawn, "")


def _show_comparison(output: Output, result: DemoResult) -> None:
    numbers = ("Right", "Accuracy", "Time", "Images/s")
    made = table(f"{result.total} test digits", "", *numbers, right=numbers)
    for name, one in (("torch float32", result.on_torch), (result.device, result.swapped)):
        made.add_row(
            Text(name),
            f"{one.correct}",
            f"{one.correct / result.total:.2%}",
            duration(one.seconds),
            f"{result.total / one.seconds:,.0f}",
        )
    traffic = result.report.traffic
    output.print(
        made,
        facts(
            [
                ("Swapped in", duration(result.report.seconds)),
                ("A forward", f"{transfers(result.report)}, {result.batch_size} images"),
                ("Forwards", str(traffic.forwards)),
                ("Logits", f"PCC {result.pcc:.6f}, relative RMS {result.relative_rms:.4f}"),
                ("Answers", f"{result.changed} of {result.total} changed"),
            ]
        ),
        "",
    )


def checks_data(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Checks as JSON holds them.

    Args:
        checks: what a demo promises.
    """
    return [attrs.asdict(check) for check in checks]


def show_checks(output: Output, checks: Sequence[Check]) -> None:
    """Print a line for each check.

    Args:
        output: where to.
        checks: what a demo promises.
    """
    for check in checks:
        mark = Text("ok    ", style="green") if check.passed else Text("FAILED ", style="bold red")
        output.print(mark + Text(f"{check.name}: {check.found}"))
