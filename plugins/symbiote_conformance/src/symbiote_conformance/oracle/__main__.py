"""The command line: ``python -m symbiote_conformance.oracle PATH... [options]``.

Options: ``--op NAME``, ``--arch wh|bh``, ``--failures N``, ``--json``.

Columns: calls and agreement over all kinds and over plausible calls (p); accepted here but refused
by TTNN; refused here but accepted by TTNN; accepted by both with another output specification;
refusals by an exception that is not one of the emulator's; and, counted nowhere else, calls refused
here that TTNN answers with a plainly wrong result (none are known to this command).
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from symbiote_conformance.differences import Difference
from symbiote_conformance.oracle.judge import ARCHITECTURES, Verdict, judge_file
from symbiote_conformance.oracle.table import tabulate


def main(argv: Sequence[str] | None = None, wrong: Sequence[Difference] = ()) -> int:
    """Judge files and print a table.

    Args:
        argv: the arguments; those of the process if left out.
        wrong: see `judge_file`.

    Returns:
        0; 2 for unusable arguments (argparse).
    """
    parser = argparse.ArgumentParser(prog="python -m symbiote_conformance.oracle")
    parser.add_argument("paths", nargs="+", type=Path, help="*.jsonl.gz, or folders of them")
    parser.add_argument("--op", help="only this operation, e.g. linear or transformer.x")
    parser.add_argument("--arch", choices=sorted(ARCHITECTURES), help="only this chip")
    parser.add_argument("--failures", type=int, default=0, metavar="N", help="print N of them")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    files = [f for p in options.paths for f in (sorted(p.glob("*.gz")) if p.is_dir() else [p])]
    if options.arch is not None:
        files = [f for f in files if f"_{options.arch}." in f.name]
    if not files:
        parser.error("no files to judge: give *.jsonl.gz, or a folder that has some")
    verdicts = (judge_file(f, op=options.op, wrong=wrong) for f in files)
    table = tabulate(itertools.chain.from_iterable(verdicts))
    if options.json:
        print(json.dumps(table.as_json(), indent=1))
        return 0
    print(table.as_text())
    for verdict in table.failures[: options.failures]:
        print(_failure(verdict))
    return 0


def _failure(verdict: Verdict) -> str:
    record = verdict.record
    answer = record.answer.get("msg") or record.answer.get("out") or record.answer
    kind = "LEAK " if verdict.leaked else ""
    return (
        f"\n[{record.index} {record.kind}] {record.op}: {kind}{verdict.outcome.value}\n"
        f"  args  {json.dumps(record.args)} {json.dumps(record.kwargs)}\n"
        f"  ttnn  {record.status} {answer}\n"
        f"  here  {verdict.detail[:400]}"
    )


if __name__ == "__main__":
    sys.exit(main())
