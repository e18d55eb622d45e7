"""What an explanation says: records, and how they read."""

from __future__ import annotations

import attrs

from symbiote_core.registry import Candidate
from symbiote_core.tables import text_table


@attrs.frozen
class PolicyChoice:
    """A policy that could be taken for a model.

    Attributes:
        name: the policy's name.
        plugin: the plugin that brings it.
        priority: of two policies for a model type, the higher one is taken.
        taken: whether it is the one.
        why: why it is taken or not.
    """

    name: str
    plugin: str
    priority: int
    taken: bool
    why: str


@attrs.frozen
class Explanation:
    """What becomes of one module, and why.

    Attributes:
        path: where it stands.
        module_class: the torch class's name.
        policies: the policies there are for the model, the one taken first; ``problem`` says why
            none is taken.
        outcome: what becomes of the module, in words.
        kernel: the name of the kernel that replaces it, or None.
        candidates: the kernels for modules of its class, in the order they are looked at.
        problem: why the model can't be planned at all; empty if it can.
    """

    path: str
    module_class: str
    policies: tuple[PolicyChoice, ...]
    outcome: str
    kernel: str | None
    candidates: tuple[Candidate, ...]
    problem: str = ""

    def __str__(self) -> str:
        lines = [f"{self.path or '(the model)'} ({self.module_class}): {self.outcome}"]
        policies = [(p.name, p.plugin, p.priority, p.taken, p.why) for p in self.policies]
        kernels = [
            (c.kernel.name, c.kernel.plugin, c.kernel.priority, c.taken, c.why)
            for c in self.candidates
        ]
        for title, column, rows in (
            ("Policies", "policy", policies),
            ("Kernels", "kernel", kernels),
        ):
            if rows:
                cells = [[n, of, str(rank), "taken" if t else "", w] for n, of, rank, t, w in rows]
                lines.append(
                    f"\n{title}\n{text_table([column, 'plugin', 'priority', '', 'why'], cells)}"
                )
        if self.problem:
            lines.append(f"\n{self.problem}")
        if not self.candidates:
            lines.append(f"\nNo kernel is registered for {self.module_class}.")
        return "\n".join(lines)
