"""How findings are shown."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from symbiote_cli.doctor.finding import Finding, Status
from symbiote_cli.output import Output, is_verbose

STYLES = {
    Status.OK: "green",
    Status.ABSENT: "dim",
    Status.WARNING: "yellow",
    Status.BROKEN: "bold red",
}


def as_data(findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings as JSON holds them.

    Args:
        findings: what was found.
    """
    return {
        "healthy": not any(finding.is_broken for finding in findings),
        "findings": [{**f._asdict(), "status": f.status.value} for f in findings],
    }


def show_findings(output: Output, findings: Sequence[Finding]) -> None:
    """Print the findings by topic, and a verdict.

    Args:
        output: where to.
        findings: what was found, sorted by topic.
    """
    output.emit(as_data(findings))
    for topic, group in groupby(findings, key=lambda finding: finding.topic):
        made = Table.grid(padding=(0, 2))
        made.add_column(no_wrap=True, min_width=7)
        made.add_column()
        made.add_column(overflow="fold", ratio=1)
        for finding in group:
            told = Text(finding.found)
            if finding.advice:
                told.append(f"\n{finding.advice}", style="cyan")
            status = Text(finding.status.value, style=STYLES[finding.status])
            made.add_row(status, Text(finding.name), told)
        output.print(Text(topic, style="bold"), Padding(made, (0, 0, 1, 2)))
    if is_verbose() and not output.as_json:
        for finding in findings:
            output.out.print(Text(finding.traceback), soft_wrap=True, end="")
    broken = sum(finding.is_broken for finding in findings)
    if broken:
        things = "thing is" if broken == 1 else "things are"
        output.print(Text(f"{broken} {things} broken; see above what to do.", style="bold red"))
    else:
        output.print(Text("Nothing is broken.", style="green"))
