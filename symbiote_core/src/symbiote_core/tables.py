"""Tables of plain text."""

from __future__ import annotations


def text_table(columns: list[str], rows: list[list[str]]) -> str:
    """Columns and rows, aligned and indented by two."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [columns, ["-" * w for w in widths], *rows]
    ]
    return "\n".join(f"  {line}" for line in lines)
