"""Known differences between a runtime and TTNN: each a row with its reason."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from symbiote_conformance.calls import Call, Outcome


@attrs.frozen
class Difference:
    """A kind of call that a runtime refuses on purpose though TTNN does not refuse it.

    Attributes:
        example: the smallest call of the kind; its operation is the row's.
        ttnn: TTNN's answer to it, as `Outcome` prints; a test asserts that it is still so.
        says: what the runtime's refusal says of every call of the kind.
        reason: why the runtime refuses.
    """

    example: Call
    ttnn: str
    says: str
    reason: str

    def covers(self, call: Call, here: Outcome) -> bool:
        """Whether a call is of this row, judged by the operation and the runtime's refusal."""
        return call.op == self.example.op and self.says in here.message


def as_markdown(rows: Iterable[Difference]) -> str:
    """The rows as a Markdown table."""
    lines = ["| call | TTNN | here it is refused | reason |", "|---|---|---|---|"]
    for row in rows:
        cells = (f"`{row.example}`", row.ttnn, row.says, row.reason)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
