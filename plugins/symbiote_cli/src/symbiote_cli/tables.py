"""Tables for plans and reports, readable in 80 columns."""

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

from rich import box
from rich.table import Table
from rich.text import Text

from symbiote_cli.output import Output

WIDE = 110
"""Columns from which the class of a module and its kernel have columns of their own."""

Row = TypeVar("Row")


def table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table in this program's style.

    Args:
        title: stands above it.
        columns: the headings.
        right: those of the columns that hold numbers.
    """
    made = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        header_style="bold",
    )
    for name in columns:
        number = name in right
        made.add_column(
            name, justify="right" if number else "left", no_wrap=number, overflow="fold"
        )
    return made


def shorten(paths: Iterable[str]) -> str:
    """Module paths in short: the numbers that differ become ``*``, which --exclude takes too.

    Args:
        paths: such as ``layer.0.mlp`` and ``layer.1.mlp``, which give ``layer.*.mlp (2)``.
    """
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(re.sub(r"(?<![^.])\d+(?![^.])", "*", path), []).append(path)
    shown = []
    for group in groups.values():
        parts = zip(*(path.split(".") for path in group), strict=True)
        merged = ".".join(part[0] if len(set(part)) == 1 else "*" for part in parts)
        shown.append(f"{merged or '(the model)'} ({len(group)})" if len(group) > 1 else merged)
    return "\n".join(name or "(the model)" for name in shown)


def grouped(rows: Iterable[Row], *fields: str) -> list[list[Row]]:
    """Rows that agree in some attributes, together, in the order of their first.

    Args:
        rows: records.
        fields: names of attributes.
    """
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(getattr(row, field) for field in fields), []).append(row)
    return list(groups.values())


def swap_columns(output: Output) -> list[str]:
    """The headings that `swap_cells` fills.

    Args:
        output: the command's output, for its width.
    """
    wide = output.out.width >= WIDE
    return ["Modules", "Class", "Kernel", "Plugin"] if wide else ["Modules", "Plugin"]


def swap_cells(
    output: Output, paths: Iterable[str], module_class: str, kernel: str, plugin: str
) -> list[Text]:
    """Cells that say what is replaced by what; in a narrow terminal two of them share a column.

    Args:
        output: the command's output, for its width.
        paths: the modules' paths.
        module_class: the torch class's name.
        kernel: the kernel's name.
        plugin: the plugin that brings it.
    """
    where = Text(shorten(paths))
    if output.out.width >= WIDE:
        return [where, Text(module_class), Text(kernel, style="green"), Text(plugin)]
    arrow = " -> " if output.out.options.ascii_only else " → "
    swap = Text.assemble("\n  ", (module_class + arrow, "dim"), (kernel, "green"))
    return [where + swap, Text(plugin)]


def kept_table(output: Output, kept: Iterable[Any], every: bool = False) -> Table:
    """The modules that stay on torch, and why; yellow where they have parameters of their own.

    Args:
        output: the command's output, for its width.
        kept: the core's `Kept` records.
        every: give each module a row of its own; otherwise those alike share one.
    """
    wide = output.out.width >= WIDE
    made = table("Kept on torch", *(("Modules", "Class", "Why") if wide else ("Modules", "Why")))
    for group in grouped(kept, *(("path",) if every else ("module_class", "reason"))):
        first = group[0]
        where, cls = Text(shorten(k.path for k in group)), Text(first.module_class)
        cells = [where, cls] if wide else [where + Text(f"\n  {cls}", style="dim")]
        made.add_row(*cells, Text(first.reason, style="yellow" if first.parameters else ""))
    return made


def print_report(output: Output, report: Any) -> None:
    """Print the tables of a report: replaced, kept, fallbacks, transfers.

    Args:
        output: the command's output.
        report: the core's `Report`.
    """
    numbers = ("Parameters", "Calls", "Fallbacks")
    made = table("Replaced", *swap_columns(output), *numbers, right=numbers)
    for group in grouped(report.modules, "module_class", "kernel", "plugin"):
        first = group[0]
        failed = sum(m.fallbacks for m in group)
        made.add_row(
            *swap_cells(
                output,
                (m.paths[0] for m in group),
                first.module_class,
                first.kernel,
                first.plugin,
            ),
            f"{sum(m.parameters for m in group):,}",
            str(sum(m.calls for m in group)),
            Text(str(failed), style="bold red" if failed else ""),
        )
    output.print(made)
    if report.kept:
        output.print(kept_table(output, report.kept))
    _print_fallbacks(output, report)
    for note in report.notes:
        output.print(Text.assemble(("note: ", "bold"), note))


def _print_fallbacks(output: Output, report: Any) -> None:
    if report.fallbacks:
        made = table("Fell back to torch", "Times", "Kernel", "Why", right=("Times",))
        for (kernel, op, why), count in _alike(report.fallbacks).items():
            where = Text.assemble(kernel, (f"\n  {op}" if op else "", "dim"))
            made.add_row(str(count), where, Text(why, style="red"))
        output.print(made)
    if report.op_fallbacks:
        made = table("Operations on torch", "Times", "Operation", "Why", right=("Times",))
        for op in report.op_fallbacks:
            made.add_row(str(op.count), Text(op.op), Text(op.why, style="red"))
        output.print(made)
    if not report.fallbacks and not report.op_fallbacks:
        output.print(
            Text("No fallbacks: every replaced module ran on the device.", style="green"), ""
        )


def _alike(fallbacks: Iterable[Any]) -> dict[tuple[str, str, str], int]:
    """Counts by kernel, operation and reason; numbers in module paths make no difference."""
    counts: dict[tuple[str, str, str], int] = {}
    for found in fallbacks:
        cause = found.cause
        message = re.sub(r"(?<=\w\.)\d+(?=\.\w)", "*", cause.message)
        key = (cause.kernel, cause.op or "", f"{cause.reason}: {message}")
        counts[key] = counts.get(key, 0) + found.count
    return counts


def facts(rows: Iterable[tuple[str, str | Text]]) -> Table:
    """Names and values, without lines.

    Args:
        rows: name and value.
    """
    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, value if isinstance(value, Text) else Text(value))
    return made


def transfers(report: Any) -> str:
    """Uploads and downloads of a forward in words.

    Args:
        report: the core's `Report`.
    """
    return moved(report.traffic)


def moved(traffic: Any) -> str:
    """Uploads and downloads of a forward in words.

    Args:
        traffic: the core's `Traffic`.
    """
    parts = []
    for name, count, size in (
        ("uploads", traffic.uploads, traffic.upload_bytes),
        ("downloads", traffic.downloads, traffic.download_bytes),
    ):
        per, per_bytes = traffic.per_forward(count), traffic.per_forward(size)
        if per is None or per_bytes is None:
            return "no forward yet"
        parts.append(f"{per:.3g} {name if per != 1 else name[:-1]} ({amount(per_bytes)})")
    return ", ".join(parts)


def amount(size: float) -> str:
    """A number of bytes in words.

    Args:
        size: bytes.
    """
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def duration(seconds: float) -> str:
    """A time in words.

    Args:
        seconds: the time.
    """
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
