"""The work of ``symbiote explain``, and how it is shown."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from rich.text import Text

from symbiote_cli._optional import needs
from symbiote_cli.loading import Source, build_empty
from symbiote_cli.output import Output
from symbiote_cli.progress import working
from symbiote_cli.quiet import quiet_libraries
from symbiote_cli.tables import facts, shorten, table
from symbiote_core import Candidate, Explainer, Explanation, PolicyChoice

_NUMBER = re.compile(r"(?<=[.'])\d+(?=[.'])")
"""A number in a module's path, as in ``'layer.0.mlp'``."""


@attrs.frozen
class Explained:
    """Explanations of modules of one model.

    Attributes:
        name: the model as the user gave it.
        model_class: its class's name.
        policies: the policies for it.
        problem: why it can't be planned; empty if it can.
        modules: an explanation for each module asked for, in the model's order.
        notes: what the user should know.
    """

    name: str
    model_class: str
    policies: tuple[PolicyChoice, ...]
    problem: str
    modules: tuple[Explanation, ...]
    notes: tuple[str, ...]


def explain_model(
    output: Output,
    source: Source,
    path: str,
    policy: str,
    include: Sequence[str],
    exclude: Sequence[str],
) -> Explained:
    """Build a model from its configuration and explain modules of it.

    Args:
        output: for progress bars.
        source: where the model comes from.
        path: of the modules: a path or a pattern.
        policy: a policy's name, or ``auto``.
        include: see `symbiote_core.plan`.
        exclude: see `symbiote_core.plan`.

    Raises:
        CommandError: if the model can't be built.
        MissingPackageError: if transformers is not installed.
        SelectionError: if a path or pattern selects no module.
    """
    with needs("transformers", "read the configurations of Hugging Face models"):
        import transformers  # noqa: F401 - told before anything else is done
    with output.reserved(), quiet_libraries(), working(output, f"Planning {source.name}"):
        loaded = build_empty(source)
        explainer = Explainer(loaded.model, policy, include, exclude)
        return Explained(
            name=source.name,
            model_class=type(loaded.model).__name__,
            policies=explainer.policies,
            problem=explainer.problem,
            modules=tuple(explainer.explain(found) for found in explainer.paths(path)),
            notes=loaded.notes,
        )


def as_data(explained: Explained) -> dict[str, Any]:
    """The explanations as JSON holds them.

    Args:
        explained: the explanations.
    """
    return {
        "model": explained.name,
        "model_class": explained.model_class,
        "policies": [attrs.asdict(policy) for policy in explained.policies],
        "problem": explained.problem,
        "modules": [
            {
                "path": made.path,
                "module_class": made.module_class,
                "outcome": made.outcome,
                "kernel": made.kernel,
                "candidates": [_candidate_data(c) for c in made.candidates],
            }
            for made in explained.modules
        ],
        "notes": list(explained.notes),
    }


def _candidate_data(candidate: Candidate) -> dict[str, Any]:
    kernel = candidate.kernel
    return {
        "kernel": kernel.name,
        "plugin": kernel.plugin,
        "priority": kernel.priority,
        "replaces": kernel.target,
        "supported": candidate.reason is None,
        "taken": candidate.taken,
        "why": candidate.why,
    }


def show_explained(output: Output, explained: Explained) -> None:
    """Print explanations; modules that are alike but for numbers in their paths share one.

    Args:
        output: where to.
        explained: the explanations.
    """
    output.emit(as_data(explained))
    _print_choices(
        output,
        f"Policies for {explained.model_class}",
        "Policy",
        ((p.name, p.plugin, p.priority, p.taken, p.why) for p in explained.policies),
    )
    if explained.problem:
        output.print(Text(explained.problem, style="red"), "")
    groups: dict[Any, list[Explanation]] = {}
    for made in explained.modules:
        rows = tuple((c.kernel.name, c.taken, _starred(c.why)) for c in made.candidates)
        key = (made.module_class, _starred(made.outcome), rows)
        groups.setdefault(key, []).append(made)
    for group in groups.values():
        _print_group(output, group)
    for note in explained.notes:
        output.note(note)


def _print_group(output: Output, group: Sequence[Explanation]) -> None:
    first = group[0]
    star = _starred if len(group) > 1 else str
    output.print(
        facts(
            [
                ("Module", shorten(made.path for made in group)),
                ("Class", first.module_class),
                ("Outcome", Text(star(first.outcome), style="green" if first.kernel else "")),
            ]
        )
    )
    if not first.candidates:
        output.print(f"No kernel is registered for {first.module_class}.", "")
        return
    _print_choices(
        output,
        "Kernels",
        "Kernel",
        (
            (c.kernel.name, c.kernel.plugin, c.kernel.priority, c.taken, star(c.why))
            for c in first.candidates
        ),
    )


def _print_choices(
    output: Output, title: str, name: str, rows: Iterable[tuple[str, str, int, bool, str]]
) -> None:
    """A table of what could be taken: name, plugin, priority, taken or not, and why."""
    made = table(title, name, "Plugin", "Priority", "Taken", "Why", right=("Priority",))
    for which, plugin, priority, taken, why in rows:
        made.add_row(
            Text(which, style="green" if taken else ""),
            Text(plugin),
            str(priority),
            "yes" if taken else "no",
            Text(why),
        )
    if made.row_count:
        output.print(made)


def _starred(text: str) -> str:
    """Numbers in module paths become ``*``, so that layers alike read alike."""
    return _NUMBER.sub("*", text)
