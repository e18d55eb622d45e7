"""How the result of ``symbiote check`` is shown."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from rich.text import Text

from symbiote_cli.checking import ArchResult, CheckResult
from symbiote_cli.output import Output
from symbiote_cli.tables import (
    WIDE,
    amount,
    facts,
    grouped,
    shorten,
    swap_cells,
    swap_columns,
    table,
)

if TYPE_CHECKING:
    from symbiote_ttnn.check import CheckReport, Refusal

NUMBERS = ("Accepted", "Ops", "Programs", "Host time")
"""The columns of the module table that hold numbers; Ops are device operations."""


def show_check(output: Output, result: CheckResult) -> None:
    """Print what each architecture says, and all of them side by side.

    Args:
        output: where to.
        result: what the check gave.
    """
    output.emit(as_data(result))
    for note in result.notes:
        output.note(note)
    reports = [r.report for r in result.results if r.report is not None]
    rows: list[tuple[str, str | Text]] = [("Model", result.request.model)]
    if reports:
        first = reports[0]
        rows[0] = ("Model", f"{first.model_class} ({result.dtype}), from {result.request.model}")
        policies = ", ".join(f"{name} (plugin {plugin})" for name, plugin in first.policies)
        chosen = result.request.weights
        weights = "" if chosen is None else f"; weights in {chosen}"
        rows.append(("Policy", f"{policies}; {first.kept} modules stay on torch{weights}"))
    rows += [("Input", f"{name} {what}") for name, what in result.inputs.items()]
    output.print(facts(rows), "")
    for each in result.results:
        if each.report is not None:
            if each.report.forwards:
                _show_modules(output, each.arch, each.report)
            _show_refusals(output, each.arch, each.report)
            _show_misfits(output, each.arch, each.report)
    _show_summary(output, result)
    _show_ends(output, result)


def as_data(result: CheckResult) -> dict[str, Any]:
    """The result as JSON holds it.

    Args:
        result: what the check gave.
    """
    return {
        "model": result.request.model,
        "dtype": result.dtype,
        "inputs": result.inputs,
        "batch": result.request.batch,
        "weights": result.request.weights,
        "max_fallbacks": result.request.max_fallbacks,
        "passed": result.passed,
        "notes": list(result.notes),
        "architectures": [
            {
                "arch": each.arch,
                "passed": each.passed,
                "report": None if each.report is None else each.report.to_data(),
                "death": None if each.death is None else attrs.asdict(each.death),
            }
            for each in result.results
        ],
    }


def _show_modules(output: Output, arch: str, report: "CheckReport") -> None:
    # In a narrow terminal the plugin's column gives way to the numbers.
    wide = output.out.width >= WIDE
    columns = swap_columns(output) if wide else ["Modules"]
    made = table(f"Modules on {arch}", *columns, *NUMBERS, right=NUMBERS)
    for group in grouped(report.modules, "module_class", "kernel", "plugin"):
        first = group[0]
        cells = swap_cells(
            output, (m.path for m in group), first.module_class, first.kernel, first.plugin
        )
        accepted = sum(m.accepted for m in group)
        calls = accepted + sum(m.refused for m in group)
        times = [m.seconds for m in group if m.seconds is not None]
        made.add_row(
            *(cells if wide else cells[:1]),
            Text(f"{accepted}/{calls}", style="green" if accepted == calls else "bold red"),
            str(sum(sum(m.operations.values()) for m in group)),
            str(sum(m.programs for m in group)),
            _host_time(sum(times)) if times else "",
        )
    output.print(made)


def _show_refusals(output: Output, arch: str, report: "CheckReport") -> None:
    if not report.refusals:
        return
    made = table(f"Refused on {arch}", "Calls", "Where, what, and TTNN's reason", right=("Calls",))
    made.leading = 1
    for group in _alike(report.refusals):
        first = group[0]
        tensors = [
            f"{list(shape)} {dtype}"
            for shape, dtype in zip(first.shapes, first.dtypes, strict=True)
        ]
        taken = "its weights" if first.stage == "convert" else ", ".join(tensors) or "no tensors"
        cell = Text.assemble(
            shorten(r.path for r in group),
            "\n  ",
            (first.kernel, "green"),
            f": {first.op or 'before any operation'}",
            (f"\n  on {taken}\n", "dim"),
            (first.message, "red"),
        )
        made.add_row(str(len(group)), cell)
    output.print(made)


def _alike(refusals: "Iterable[Refusal]") -> "list[list[Refusal]]":
    """Refusals of one kernel for one reason, together; numbers in module paths don't matter."""
    groups: dict[tuple[Any, ...], list[Refusal]] = {}
    for refusal in refusals:
        message = re.sub(r"(?<=\w\.)\d+(?=\.\w)", "*", refusal.message)
        key = (refusal.kernel, refusal.stage, refusal.op, refusal.shapes, message)
        groups.setdefault(key, []).append(refusal)
    return list(groups.values())


def _show_misfits(output: Output, arch: str, report: "CheckReport") -> None:
    if not report.misfits:
        return
    made = table(f"Does not fit on {arch}", "Needs", "Where, and what follows", right=("Needs",))
    made.leading = 1
    for group in grouped(report.misfits, "kernel", "stage", "memory", "needed", "survived"):
        first = group[0]
        needed = "more" if first.needed is None else amount(first.needed)
        what = "its weights" if first.stage == "convert" else "a call"
        follows = "accelerate would fail" if first.stage == "convert" else "runs on torch"
        if first.survived:
            follows = "the weights of other modules give way, and are moved anew at each forward"
        cell = Text.assemble(
            shorten(m.path for m in group),
            "\n  ",
            (first.kernel, "green"),
            f": {what}\n",
            (follows, "yellow" if first.survived else "red"),
        )
        each = " each" if len(group) > 1 else ""
        made.add_row(f"{needed} {first.memory}{each}", cell)
    output.print(made)


def _show_summary(output: Output, result: CheckResult) -> None:
    if all(each.report is None for each in result.results):
        return
    columns = [_cells(each, result.request.max_fallbacks) for each in result.results]
    made = table("In short", "", *(each.arch for each in result.results))
    for name in dict.fromkeys(name for column in columns for name in column):
        made.add_row(Text(name, style="bold"), *(column.get(name, "") for column in columns))
    output.print(made)


def _cells(each: ArchResult, allowed: int) -> dict[str, str | Text]:
    """One architecture's column of the summary, by the names of its rows."""
    report = each.report
    if report is None:
        return {"Verdict": Text("killed", style="bold red")}
    found: dict[str, str | Text] = {"Verdict": _verdict(each, report)}
    if report.forwards:
        fallbacks = f"{report.fallbacks} {_in_forwards(report)}" if report.fallbacks else "none"
        found["Fallbacks"] = fallbacks + (f" ({allowed} allowed)" if allowed else "")
    for forward in report.forwards:
        name = "" if len(report.forwards) == 1 else f" ({forward.name})"
        found[f"Device operations{name}"] = str(forward.operations)
        found[f"Programs compiled{name}"] = str(forward.programs)
        time = "" if forward.seconds is None else _host_time(forward.seconds)
        found[f"Host time{name}"] = time
    memory = report.memory
    weights = _share(memory.needed, memory.dram)
    found["Weights"] = Text(weights, style="bold red" if memory.needed > memory.weights else "")
    found["Peak DRAM"] = _share(memory.dram_peak, memory.dram)
    found["Peak L1 of a core"] = _share(memory.l1_peak, memory.l1)
    return found


def _verdict(each: ArchResult, report: "CheckReport") -> Text:
    if each.passed:
        tolerated = "accepted, with fallbacks" if report.fallbacks else "accepted"
        return Text(tolerated, style="yellow" if report.fallbacks else "bold green")
    if any(forward.stopped for forward in report.forwards):
        return Text("stopped", style="bold red")
    return Text("does not fit" if report.misfits else "refused", style="bold red")


def _in_forwards(report: "CheckReport") -> str:
    """What a count over the whole workload is for."""
    return "a forward" if len(report.forwards) == 1 else f"in {len(report.forwards)} forwards"


def _host_time(seconds: float) -> str:
    """A time in words; single calls take hundredths of a millisecond."""
    return f"{seconds * 1000:.2f} ms"


def _share(used: int | None, total: int) -> str:
    return "" if used is None else f"{amount(used)} of {amount(total)}"


def _show_ends(output: Output, result: CheckResult) -> None:
    """What no table holds: operations on torch, forwards that stopped, processes that died."""
    for each in result.results:
        lines: Sequence[Text] = []
        if each.death is not None:
            lines = [Text(f"{each.arch}: {each.death}.", style="bold red")]
            if each.death.last_words:
                lines.append(Text(f"Its last words: {each.death.last_words}", style="red"))
        elif each.report is not None and not each.report.forwards:
            memory = each.report.memory
            lines = [
                Text(
                    f"{each.arch}: the weights do not fit, so no forward was run. They need "
                    f"{amount(memory.needed)} of DRAM, and the chip has {amount(memory.dram)}.",
                    style="bold red",
                )
            ]
        elif each.report is not None:
            lines = [
                Text(
                    f"{each.arch}: {o.op} ran on torch ({o.count} {_in_forwards(each.report)}): "
                    f"{o.why}",
                    style="yellow",
                )
                for o in each.report.on_torch
            ] + [
                Text(f"{each.arch}: {f.name} stopped before its end: {f.stopped}", style="bold red")
                for f in each.report.forwards
                if f.stopped is not None
            ]
        output.print(*lines)
    output.print(
        Text(
            "Seen on mock chips: TTNN's validation, allocator and program factories. Host time is "
            "that of this machine; values and a chip's time are not measured.",
            style="dim",
        )
    )
