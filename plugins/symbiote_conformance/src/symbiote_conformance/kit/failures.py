"""How a check says what is wrong."""

from __future__ import annotations


class ConformanceError(AssertionError):
    """A kernel or a policy does not conform.

    Args:
        subject: the kernel or policy, and the plugin that brings it.
        problem: what is wrong, in a sentence.
        call: the smallest call that shows it, or None where no call is needed.
        hint: what to do next.
    """

    def __init__(self, subject: str, problem: str, call: object = None, hint: str = "") -> None:
        parts = [f"{subject}: {problem}"]
        if call is not None:
            parts.append(f"smallest call: {call}")
        if hint:
            parts.append(hint)
        super().__init__("\n".join(parts))
        self.subject = subject
        self.problem = problem
        self.call = call
        self.hint = hint


class UnknownSubjectError(ConformanceError):
    """No example of what a kernel replaces is known, or no model for a policy."""
