"""The work of ``symbiote plan``, and how a plan is shown."""

from collections.abc import Sequence
from typing import Any

import attrs
from rich.text import Text

from symbiote_cli._optional import needs
from symbiote_cli.loading import Source, build_empty
from symbiote_cli.output import Output
from symbiote_cli.progress import working
from symbiote_cli.quiet import quiet_libraries
from symbiote_cli.tables import facts, grouped, kept_table, swap_cells, swap_columns, table
from symbiote_core import Candidate, Explainer, ReplacementPlan, plan, plugin_manager


@attrs.frozen
class Planned:
    """A plan and what else is told of it.

    Attributes:
        name: the model as the user gave it.
        plan: the core's plan.
        parameters: of the whole model.
        rivals: by module class and kernel's name, what became of other kernels for it.
        others: names of other policies for this architecture.
        notes: what the user should know.
    """

    name: str
    plan: ReplacementPlan
    parameters: int
    rivals: dict[tuple[str, str], str]
    others: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def replaced_parameters(self) -> int:
        """How many parameters the replaced modules have."""
        return sum(r.parameters for r in self.plan.replacements)


def plan_model(
    output: Output, source: Source, policy: str, include: Sequence[str], exclude: Sequence[str]
) -> Planned:
    """Build a model from its configuration and plan its swap.

    Args:
        output: for progress bars.
        source: where the model comes from.
        policy: a policy's name.
        include: see `symbiote_core.plan`.
        exclude: see `symbiote_core.plan`.

    Raises:
        CommandError: if the model can't be built.
        MissingPackageError: if transformers is not installed.
        SymbioteError: if there is no plan.
    """
    with needs("transformers", "read the configurations of Hugging Face models"):
        import transformers  # noqa: F401 - told before anything else is done
    with output.reserved(), quiet_libraries(), working(output, f"Planning {source.name}"):
        loaded = build_empty(source)
        model = loaded.model
        made = plan(model, policy, include, exclude)
        explainer = Explainer(model, policy, include, exclude)
        rivals = {}
        for group in grouped(made.replacements, "module_class", "kernel"):
            first = group[0]
            key = (first.module_class, first.kernel.name)
            rivals[key] = _rivals(first.kernel.name, explainer.explain(first.path).candidates)
        kind = model.config.model_type
        policies = plugin_manager().registry.policies.values()
        fitting = [p.name for p in policies if {kind, "*"} & set(p.model_types)]
        return Planned(
            name=source.name,
            plan=made,
            parameters=sum(p.numel() for p in model.parameters()),
            rivals=rivals,
            others=tuple(other for other in fitting if other != made.policy),
            notes=loaded.notes + made.notes,
        )


def _rivals(kernel: str, candidates: Sequence[Candidate]) -> str:
    """What became of the other kernels for the same module; empty if there are none."""
    rivals = [c for c in candidates if c.kernel.name != kernel]
    refused = [f"{c.kernel.name} refused: {c.reason}" for c in rivals if c.reason]
    outranked = [c.kernel.name for c in rivals if not c.reason]
    if outranked:
        refused.append(f"preferred to {', '.join(outranked)}")
    return "; ".join(refused)


def as_data(planned: Planned) -> dict[str, Any]:
    """The plan as JSON holds it; every module has an entry of its own.

    Args:
        planned: the plan.
    """
    made = planned.plan
    return {
        "model": planned.name,
        "model_class": made.model_class,
        "policy": made.policy,
        "plugin": made.plugin,
        "other_policies": list(planned.others),
        "parameters": planned.parameters,
        "replaced_parameters": planned.replaced_parameters,
        "replacements": [
            {
                "path": r.path,
                "paths": list(r.paths),
                "module_class": r.module_class,
                "kernel": r.kernel.name,
                "plugin": r.kernel.plugin,
                "parameters": r.parameters,
                "why": f"rule of policy {made.policy!r} for {r.module_class}",
                "other_kernels": planned.rivals[r.module_class, r.kernel.name],
            }
            for r in made.replacements
        ],
        "kept": [attrs.asdict(k) for k in made.kept],
        "notes": list(planned.notes),
    }


def show_plan(output: Output, planned: Planned, every: bool) -> None:
    """Print the plan.

    Args:
        output: where to.
        planned: the plan.
        every: give each module a row of its own; otherwise those alike share one.
    """
    output.emit(as_data(planned))
    made = planned.plan
    share = planned.replaced_parameters / planned.parameters if planned.parameters else 0.0
    output.print(
        facts(
            [
                ("Model", f"{made.model_class}, {planned.parameters:,} parameters"),
                ("Policy", f"{made.policy} (plugin {made.plugin})"),
                ("Replaced", f"{len(made.replacements)} modules, {share:.1%} of the parameters"),
                ("Kept", f"{len(made.kept)} modules stay on torch"),
            ]
        ),
        "",
    )
    contested = any(planned.rivals.values())
    columns = (*swap_columns(output), "Parameters", *(["Other kernels"] if contested else []))
    replaced = table("To be replaced", *columns, right=("Parameters",))
    groups = grouped(made.replacements, *(("path",) if every else ("module_class", "kernel")))
    for group in groups:
        first = group[0]
        kernel = first.kernel
        replaced.add_row(
            *swap_cells(
                output, (r.path for r in group), first.module_class, kernel.name, kernel.plugin
            ),
            f"{sum(r.parameters for r in group):,}",
            *([Text(planned.rivals[first.module_class, kernel.name])] if contested else []),
        )
    output.print(replaced)
    output.print(
        Text(
            f"Why: policy {made.policy} has a rule for each of these classes, and the kernel that "
            "it names, or the best one registered, supports the module."
        ),
        "",
    )
    if made.kept:
        output.print(kept_table(output, made.kept, every))
    if planned.others:
        output.print(Text(f"Other policies for it (--policy): {', '.join(planned.others)}"))
    for note in planned.notes:
        output.note(note)
