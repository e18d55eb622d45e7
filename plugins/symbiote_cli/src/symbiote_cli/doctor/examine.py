"""The whole examination."""

import os

from symbiote_cli.doctor.core import examine_core
from symbiote_cli.doctor.finding import Finding
from symbiote_cli.doctor.machine import (
    examine_chips,
    examine_environment,
    examine_packages,
    examine_python,
    examine_ttnn,
)

TOPICS = ("Python", "Packages", "TTNN", "Runtimes", "Plugins", "Environment")
"""In the order in which they are shown."""


def examine() -> list[Finding]:
    """Look at everything, by topic; nothing of it raises for what is broken."""
    found = [
        examine_python(),
        *examine_packages(),
        examine_ttnn(),
        *examine_chips(),
        *examine_core(),
        *examine_environment(os.environ),
    ]
    return sorted(found, key=lambda finding: TOPICS.index(finding.topic))
