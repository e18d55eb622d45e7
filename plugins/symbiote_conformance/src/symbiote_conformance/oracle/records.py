"""Reading the recorded calls: one JSON record a line, gzipped."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from symbiote_conformance.calls import Call, Outcome


@attrs.frozen
class Record:
    """One recorded call.

    Attributes:
        index: number of the call.
        op: path under ``ttnn``; ``__getitem__`` means ``a[0][a[1]]``.
        kind: p plausible, m mutated, o odd, x written by hand.
        args: described positional arguments.
        kwargs: described keyword arguments.
        answer: what TTNN did.
    """

    index: int
    op: str
    kind: str
    args: list[Any]
    kwargs: dict[str, Any]
    answer: dict[str, Any]

    @property
    def status(self) -> str:
        """``ok``, ``ref``, ``crash`` or ``setup``."""
        return str(self.answer["st"])

    @property
    def call(self) -> Call:
        """The call by itself."""
        return Call(self.op, self.args, self.kwargs)

    @property
    def outcome(self) -> Outcome:
        """TTNN's answer as an outcome."""
        return Outcome.from_json(self.answer)


def read_records(path: Path, op: str | None = None) -> Iterator[Record]:
    """The records of a file, or those of one operation.

    Args:
        path: ``*.jsonl.gz``.
        op: path under ``ttnn``.
    """
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            raw = json.loads(line)
            if op is None or raw["op"] == op:
                yield Record(raw["i"], raw["op"], raw["k"], raw["a"], raw["kw"], raw["r"])
