"""The checks: each is a function of a `symbiote_conformance.kit.cases.Case` that raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.checks.batch import batch
from symbiote_conformance.kit.checks.downloads import downloads
from symbiote_conformance.kit.checks.fallback import fallback
from symbiote_conformance.kit.checks.leaks import leaks
from symbiote_conformance.kit.checks.lifecycle import lifecycle
from symbiote_conformance.kit.checks.parity import parity
from symbiote_conformance.kit.checks.reported import reported
from symbiote_conformance.kit.checks.restoring import restoring
from symbiote_conformance.kit.checks.sharing import sharing
from symbiote_conformance.kit.checks.state import state

Check = Callable[[Case], None]

KERNEL_CHECKS: Final[Mapping[str, Check]] = {
    "parity": parity,
    "batch": batch,
    "lifecycle": lifecycle,
    "state": state,
    "restore": restoring,
    "sharing": sharing,
    "leaks": leaks,
    "downloads": downloads,
    "fallback": fallback,
}
"""What every kernel is judged by, by the name in the test's id."""

POLICY_CHECKS: Final[Mapping[str, Check]] = {
    "parity": parity,
    "batch": batch,
    "sharing": sharing,
    "report": reported,
    "lifecycle": lifecycle,
    "state": state,
    "restore": restoring,
    "leaks": leaks,
    "downloads": downloads,
    "fallback": fallback,
}
"""What every policy is judged by, likewise."""

__all__ = ["KERNEL_CHECKS", "POLICY_CHECKS", "Check"]
