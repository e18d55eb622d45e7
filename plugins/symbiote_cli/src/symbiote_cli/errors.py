"""What may go wrong in a command, told apart from defects of this program.

Nothing heavy is imported here: an error of the core can only be there if the core was imported.
"""

import sys

from symbiote_cli._optional import MissingPackageError

EXIT_CHECK_FAILED = 1
"""The command did its work, and what it checked is not as it should be."""

EXIT_BAD_INPUT = 2
"""The command could not do its work; the message says what to change."""

EXIT_DEFECT = 3
"""An exception that nobody foresaw."""

EXIT_INTERRUPTED = 130
"""Ctrl-C, as shells number it."""


class CommandError(Exception):
    """What the user asked for can't be done; the message says why and what to do next."""


def is_foreseen(error: BaseException) -> bool:
    """Whether ``error`` explains itself to a user, so that no traceback is needed.

    Args:
        error: an exception that a command raised.
    """
    core = sys.modules.get("symbiote_core.errors")
    if core is not None and isinstance(error, core.SymbioteError):
        return True
    return isinstance(error, CommandError | MissingPackageError)


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, or its class name if it has none.

    Args:
        error: any exception.
    """
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
