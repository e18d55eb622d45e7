"""Judge the emulator by the recorded answers of TTNN, operation by operation.

Options after the name are those of ``python -m symbiote_conformance.oracle`` (``--op NAME``,
``--failures N``, ``--json`` ...). Exits with 1 if fewer than 90 of 100 calls agree.
"""

from __future__ import annotations

import itertools
import runpy
import sys
from pathlib import Path

from symbiote_conformance.oracle import judge_file, tabulate
from symbiote_conformance.oracle.__main__ import main as judge

RECORDED = Path(__file__).parents[1] / "tests" / "data" / "oracle"
TABLE = Path(__file__).parents[1] / "plugins/symbiote_emulator/tests/emulator_differences.py"
REQUIRED = 0.9
"""The share of the calls to emulated operations that must agree."""


def main() -> int:
    """Print the table of both chips; with options, what they ask for."""
    wrong = runpy.run_path(str(TABLE))["WRONG"]
    if len(sys.argv) > 1:
        return judge([str(RECORDED), *sys.argv[1:]], wrong)
    files = sorted(RECORDED.glob("*.jsonl.gz"))
    verdicts = (judge_file(file, wrong=wrong) for file in files)
    table = tabulate(itertools.chain.from_iterable(verdicts))
    print(table.as_text())
    total = table.total()
    print(f"agreement {total.agreement:.1%}, of plausible calls {total.plausible_agreement:.1%}")
    return 0 if total.agreement >= REQUIRED else 1


if __name__ == "__main__":
    sys.exit(main())
