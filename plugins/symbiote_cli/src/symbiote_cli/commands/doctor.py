"""``symbiote doctor``: what this machine has, what is wrong, and what to do about it."""

import typer

from symbiote_cli.errors import EXIT_CHECK_FAILED
from symbiote_cli.options import AsJson, Verbose
from symbiote_cli.output import Output

SHORT_HELP = "Look for faults, and tell what to do about them."
HELP = (
    "Look at Python, torch, transformers, ttnn, chips, runtimes and plugins, and tell what to do "
    "about each problem. Exits with 1 if something is broken, such as a plugin that fails."
)
EXAMPLES = ("symbiote doctor", "symbiote doctor --json")


def command(as_json: AsJson = False, _verbose: Verbose = 0) -> None:
    """Examine the machine and leave with the verdict."""
    from symbiote_cli.doctor.examine import examine
    from symbiote_cli.doctor.show import show_findings

    output = Output(as_json)
    findings = examine()
    show_findings(output, findings)
    if any(finding.is_broken for finding in findings):
        raise typer.Exit(EXIT_CHECK_FAILED)
