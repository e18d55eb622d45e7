"""Judge the emulator against recorded answers of the real TTNN.

``python -m symbiote_emulator.oracle PATH...`` prints a table; :func:`judge_file` gives it as data.
"""

from __future__ import annotations

from symbiote_emulator.oracle.judge import Outcome, Verdict, judge, judge_file
from symbiote_emulator.oracle.records import Record, read_records
from symbiote_emulator.oracle.table import Row, Table, tabulate

__all__ = [
    "Outcome",
    "Record",
    "Row",
    "Table",
    "Verdict",
    "judge",
    "judge_file",
    "read_records",
    "tabulate",
]
