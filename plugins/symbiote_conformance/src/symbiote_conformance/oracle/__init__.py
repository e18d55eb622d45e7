"""Judge a runtime by recorded answers of the real TTNN.

``python -m symbiote_conformance.oracle PATH...`` prints a table; `judge_file`
gives the verdicts as data.
"""

from __future__ import annotations

from symbiote_conformance.oracle.judge import Verdict, judge, judge_file
from symbiote_conformance.oracle.records import Record, read_records
from symbiote_conformance.oracle.table import Row, Table, tabulate

__all__ = [
    "Record",
    "Row",
    "Table",
    "Verdict",
    "judge",
    "judge_file",
    "read_records",
    "tabulate",
]
