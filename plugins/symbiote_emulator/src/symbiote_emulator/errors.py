"""What the emulator raises.

TTNN raises ``RuntimeError`` for a failed ``TT_FATAL`` and ``TypeError`` for arguments that fit no
signature; so do these classes. Each holds ``op`` and ``data`` and ends with what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class EmulatorError(Exception):
    """Base of everything that the emulator raises on purpose.

    Args:
        info: what is wrong, in TTNN's words where TTNN has some.
        do: what to do next.
        op: the operation; the call wrapper fills it in when it is left out.
        **data: shapes, dtypes and other facts, for programs.
    """

    def __init__(self, info: str, do: str = "", *, op: str | None = None, **data: Any) -> None:
        super().__init__(info)
        self.info = info
        self.do = do
        self.op = op
        self.data: Mapping[str, Any] = data

    def __str__(self) -> str:
        return " ".join(part for part in (self.info, self.do) if part)


class OperationRefused(EmulatorError, RuntimeError):
    """TTNN refuses this call with ``TT_FATAL``; the text after ``info:`` is TTNN's own."""

    def __str__(self) -> str:
        advice = f"\n{self.do}" if self.do else ""
        return f"TT_FATAL @ {self.op or 'emulator'}\ninfo:\n{self.info}{advice}"


class OutOfMemoryError(OperationRefused):
    """A bank has no room for a buffer."""


class RefusedOnPurpose(OperationRefused):
    """A call that TTNN does not refuse: it crashes, answers wrongly, or does what is not emulated.

    Attributes:
        because: why it is refused here.
    """

    because: ClassVar[str]

    def __str__(self) -> str:
        advice = f"\n{self.do}" if self.do else ""
        return f"{self.op or 'emulator'}: refused, {self.because}\ninfo:\n{self.info}{advice}"


class WouldCrash(RefusedOnPurpose):
    """TTNN itself kills the process on this call (SIGSEGV, SIGFPE or SIGABRT)."""

    because = "since TTNN 0.81.1 crashes the process here"


class WrongInTTNN(RefusedOnPurpose):
    """TTNN itself takes this call without an error and gives a result that is plainly wrong."""

    because = "since TTNN 0.81.1 gives a wrong result here"


class NotImitated(RefusedOnPurpose):
    """TTNN takes this call, and the emulator does not do what TTNN does with it."""

    because = "though TTNN 0.81.1 takes it, since the emulator does not imitate it"


class ArgumentMismatch(EmulatorError, TypeError):
    """The arguments fit no signature of the operation."""


class IncompatibleArguments(Exception):
    """Raised inside an operation when no overload fits; the call wrapper names the call."""


class NotEmulatedError(EmulatorError, AttributeError):
    """The real TTNN may have this name, the emulator does not."""


def not_emulated(name: str) -> NotEmulatedError:
    """The error for a name that the emulator does not have.

    Args:
        name: the full name, such as ``ttnn.transformer.foo``.
    """
    return NotEmulatedError(
        f"The emulator has no '{name}'.",
        "Write it with @operation in a module of symbiote_emulator.operations, or let the module "
        "run on torch (exclude it from the plan).",
        op=name,
    )
