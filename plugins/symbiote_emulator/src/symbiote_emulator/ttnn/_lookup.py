"""Filling a namespace module with the operations that are registered under its name."""

from __future__ import annotations

import symbiote_emulator.operations  # noqa: F401 - registers the operations
from symbiote_emulator.errors import NotEmulatedError, not_emulated
from symbiote_emulator.registry import OPERATIONS


def operations_under(prefix: str) -> dict[str, object]:
    """The operations right under a namespace, by short name.

    Args:
        prefix: such as ``ttnn.transformer``.
    """
    start = prefix + "."
    names = {name.removeprefix(start): name for name in OPERATIONS if name.startswith(start)}
    return {short: OPERATIONS[name] for short, name in names.items() if "." not in short}


def missing(prefix: str, name: str) -> AttributeError | NotEmulatedError:
    """The error of a module ``__getattr__``; plain for names that Python itself asks for."""
    if name.startswith("__"):
        return AttributeError(name)
    return not_emulated(f"{prefix}.{name}")
