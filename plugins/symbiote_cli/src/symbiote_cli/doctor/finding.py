"""One thing that the doctor looked at."""

import enum
from typing import NamedTuple


class Status(str, enum.Enum):
    """How a thing is."""

    OK = "ok"
    ABSENT = "absent"
    """Not there, and not needed by everybody."""
    WARNING = "warning"
    """Works, but not as it could."""
    BROKEN = "broken"
    """Makes the doctor exit with 1."""


class Finding(NamedTuple):
    """One thing that was looked at.

    Imports nothing of the core, which may be what is broken.
    """

    topic: str
    """The part of the list that it belongs to."""

    name: str
    """What was looked at."""

    status: Status
    """How it is."""

    found: str
    """What was found, in words."""

    advice: str = ""
    """What to do about it; empty if there is nothing to do."""

    traceback: str = ""
    """Where an exception came from; shown with ``--verbose``."""

    @property
    def is_broken(self) -> bool:
        """Whether this makes the doctor exit with 1."""
        return self.status is Status.BROKEN
