"""Planning: which modules would be replaced by what, and why the others stay. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from symbiote_core.errors import (
    AlreadySwappedError,
    MappingError,
    NothingReplacedError,
    PluginError,
    PolicyNotFoundError,
    origin_of,
)
from symbiote_core.module.ttnn_module import TTNNModule
from symbiote_core.registry import Candidate, KernelSpec, Policy, Registry, Rule
from symbiote_core.registry.registry import model_type_of
from symbiote_core.selection import Selection
from symbiote_core.swap.planned import Kept, Replacement, ReplacementPlan

_IDLE = (_DropoutNd, nn.Identity)
"""Modules that compute nothing in inference, so that nothing of them stays on torch."""

PolicyLike = str | Policy | Mapping[Any, Any]


def mapping_policy(mapping: Mapping[Any, Any], registry: Registry) -> Policy:
    """The policy of a ``{torch class: kernel class}`` mapping.

    Raises:
        MappingError: for a key that is no module class or a value that is no TTNNModule class.
    """
    rules = []
    for target, kernel in mapping.items():
        if not (isinstance(target, type) and issubclass(target, nn.Module)):
            raise MappingError(
                f"The mapping's key {target!r} is not a torch module class. Give classes, such as "
                "{nn.Linear: TTNNLinear}; to choose by path use include= and exclude=."
            )
        if not (isinstance(kernel, type) and issubclass(kernel, TTNNModule)):
            shown = kernel.__name__ if isinstance(kernel, type) else repr(kernel)
            raise MappingError(
                f"The mapping's value {shown} for {target.__name__} is not a TTNNModule class. "
                "Give a kernel, such as symbiote_ttnn.TTNNLinear, or a TTNNModule of your own."
            )
        plugin = _owner(kernel, registry)
        rules.append(Rule(target, KernelSpec(kernel.__name__, target, kernel, plugin=plugin)))
    if not rules:
        raise MappingError(
            "The mapping is empty. Give at least one class, such as {nn.Linear: TTNNLinear}."
        )
    return Policy("mapping", (), tuple(rules), "a mapping given by the caller", plugin="mapping")


def _owner(kernel: type[TTNNModule], registry: Registry) -> str:
    """The plugin that registered a kernel class, else the package that it is defined in."""
    for known in registry.kernels.values():
        name = known.builds if isinstance(known.builds, str) else known.builds.__name__
        if name.rpartition(":")[2] == kernel.__name__ and known.kernel_class() is kernel:
            return known.plugin
    return kernel.__module__.partition(".")[0]


def resolve_policy(policy: PolicyLike, model: nn.Module, registry: Registry) -> Policy:
    """The policy that ``policy`` means for ``model``."""
    if isinstance(policy, Policy):
        return policy
    if isinstance(policy, Mapping):
        return mapping_policy(policy, registry)
    if policy == "auto":
        return registry.policy_for(model)
    if isinstance(policy, str):
        return registry.policy_named(policy)
    raise PolicyNotFoundError(
        repr(policy), sorted(registry.policies), "policy takes a name, a Policy, or a mapping."
    )


@attrs.define
class _Walk:
    """One walk over a model: every path of every module, each module once."""

    order: list[tuple[str, nn.Module]] = attrs.Factory(list)
    paths: dict[int, list[str]] = attrs.Factory(dict)


def _children(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module._modules.items():
        if child is not None:
            yield name, child


def _walk(model: nn.Module) -> _Walk:
    walk = _Walk()
    stack: list[tuple[str, nn.Module]] = [("", model)]
    while stack:
        path, module = stack.pop()
        known = walk.paths.get(id(module))
        if known is not None:
            known.append(path)
            continue
        walk.paths[id(module)] = [path]
        walk.order.append((path, module))
        if not isinstance(module, TTNNModule) or not module.covers_children:
            prefix = f"{path}." if path else ""
            stack.extend(
                (prefix + name, child) for name, child in reversed(list(_children(module)))
            )
    return walk


def plan(
    model: nn.Module,
    policy: PolicyLike = "auto",
    include: str | Iterable[str] = (),
    exclude: str | Iterable[str] = (),
    registry: Registry | None = None,
) -> ReplacementPlan:
    """Plan the swap of ``model``, touching nothing. Time is linear in the number of modules.

    Args:
        model: a torch model.
        policy: ``"auto"`` (by ``model.config.model_type``), a policy's name, a `Policy`, or a
            mapping of module classes to kernel classes.
        include: patterns of the only paths to replace; empty for all.
        exclude: patterns of paths to keep on torch. They win over everything, and a coarse kernel
            is not used where it would cover an excluded module.
        registry: where kernels and policies are looked up; that of the loaded plugins by default.

    Raises:
        PolicyNotFoundError, MappingError, AmbiguousKernelError: see there.
        SelectionError: if a pattern matches nothing.
        NothingReplacedError: if no module would be replaced.
        AlreadySwappedError: if a kernel would cover modules that are swapped already.
        KernelError, PluginError: if a kernel's or a rule's own code fails.
    """
    if registry is None:
        from symbiote_core.plugins import plugin_manager

        registry = plugin_manager().registry
    chosen = resolve_policy(policy, model, registry)
    planner = Planner(
        model, chosen, registry, Selection.of(include, "include"), Selection.of(exclude, "exclude")
    )
    if policy == "auto":
        planner.note_rivals(registry.policies_for(model))
    return planner.run()


class Planner:
    """The walk's decisions, module by module.

    Attributes:
        paths: every path of every module, by the module's id.
        covered: the replacement that a module is part of, by the module's id.
        reasons: why a module is not replaced itself, by the module's id.
        preferred: where one plugin goes before another, as notes; a dictionary for its order.
    """

    def __init__(
        self,
        model: nn.Module,
        policy: Policy,
        registry: Registry,
        include: Selection,
        exclude: Selection,
    ) -> None:
        self.model, self.policy, self.registry = model, policy, registry
        self.include, self.exclude = include, exclude
        self.rule_paths = [
            Selection.of(rule.paths, f"policy {policy.name}") for rule in policy.rules
        ]
        self.rules_by_class: dict[type, list[int]] = {}
        self.replacements: list[Replacement] = []
        self.kept: list[Kept] = []
        self.swapped: list[str] = []
        self.paths: dict[int, list[str]] = {}
        self.covered: dict[int, Replacement] = {}
        self.reasons: dict[int, str] = {}
        self.preferred: dict[str, None] = {}

    def note_rivals(self, policies: Sequence[Policy]) -> None:
        """Tell where the policy goes before another plugin's: that is never silent."""
        mine, model_type = self.policy, model_type_of(self.model)
        for other in policies:
            if other.plugin != mine.plugin:
                self.preferred[
                    f"for model type {model_type!r}, policy {mine.name} ({mine.plugin}, priority "
                    f"{mine.priority}) goes before {other.name} ({other.plugin}, priority "
                    f"{other.priority})"
                ] = None

    def run(self) -> ReplacementPlan:
        """Decide for every module.

        Raises:
            See `plan`.
        """
        walk = _walk(self.model)
        self.paths = walk.paths
        every_path = [path for paths in walk.paths.values() for path in paths if path]
        self.include.require_all_used(every_path)
        self.exclude.require_all_used(every_path)
        included = {p for p in every_path if self.include.match(p)} if self.include else set()
        excluded = {p for p in every_path if self.exclude.match(p)} if self.exclude else set()
        # A shared module is excluded everywhere if it is anywhere.
        above_excluded = {
            p[:i]
            for paths in walk.paths.values()
            if excluded and not excluded.isdisjoint(paths)
            for p in paths
            for i in range(len(p))
            if p[i] == "."
        }
        in_scope: dict[str, bool] = {"": not self.include}
        out_of_scope: dict[str, bool] = {"": False}
        for path, module in walk.order:
            parent = path.rpartition(".")[0]
            paths = tuple(walk.paths[id(module)])
            if path:
                in_scope[path] = (
                    in_scope.get(parent, False)
                    or path in included
                    or any(self._is_under(p, included) for p in paths[1:])
                )
                out_of_scope[path] = (
                    out_of_scope.get(parent, False)
                    or path in excluded
                    or any(self._is_under(p, excluded) for p in paths[1:])
                )
            if id(module) in self.covered:
                continue
            if isinstance(module, TTNNModule):
                self.swapped.append(path)
            elif out_of_scope[path]:
                self._keep(path, module, "excluded by the caller")
            elif not in_scope[path]:
                self._keep(path, module, "not included by the caller")
            elif self._decide(path, paths, module, above_excluded):
                self.covered.update((id(m), self.replacements[-1]) for m in module.modules())
        if not self.replacements and not self.swapped:
            raise NothingReplacedError(self._why_nothing())
        return ReplacementPlan(
            model_class=type(self.model).__name__,
            policy=self.policy.name,
            plugin=self.policy.plugin,
            replacements=tuple(self.replacements),
            kept=tuple(self.kept),
            swapped=tuple(self.swapped),
            notes=(*self._generic_notes(), *self.policy.version_notes(), *self.preferred),
        )

    def _generic_notes(self) -> Iterator[str]:
        if self.policy.is_generic:
            yield (
                f"Policy {self.policy.name!r} is the generic one: it knows layers by their "
                f"structure, not this {type(self.model).__name__}. A policy of its own would keep "
                "more of it on the device."
            )

    @staticmethod
    def _is_under(path: str, chosen: set[str]) -> bool:
        return path in chosen or any(path[:i] in chosen for i in range(len(path)) if path[i] == ".")

    def rules_for(self, cls: type) -> list[int]:
        """The numbers of the policy's rules that are for modules of class ``cls``, in order."""
        if cls not in self.rules_by_class:
            self.rules_by_class[cls] = [
                i for i, r in enumerate(self.policy.rules) if r.matches(cls)
            ]
        return self.rules_by_class[cls]

    def _decide(
        self, path: str, paths: tuple[str, ...], module: nn.Module, above: set[str]
    ) -> bool:
        """Plan the replacement of one module, or keep the reason why it stays.

        Returns:
            Whether its children are covered by the replacement.
        """
        reasons: list[str] = []
        for index in self.rules_for(type(module)):
            rule, only = self.policy.rules[index], self.rule_paths[index]
            if only and not any(only.match(p) for p in paths):
                continue
            if not self.is_built_for(index, module, path):
                continue
            if path == "":
                reasons.append("the model itself can't be replaced, only modules in it")
                continue
            candidates = self.registry.candidates(module, rule, path)
            best = self.registry.choose(path, module, candidates)
            if best is None:
                reasons += [f"{c.kernel.name}: {c.reason}" for c in candidates]
                continue
            covers = best.kernel.kernel_class().covers_children
            if covers and any(p in above for p in paths):
                reasons.append(f"{best.kernel.name} would cover an excluded module")
                continue
            if covers:
                self._require_unswapped(path, module, best.kernel)
            self._note_preference(module, best, candidates)
            self.replacements.append(
                Replacement(
                    path=path,
                    paths=paths,
                    module_class=type(module).__name__,
                    kernel=best.kernel,
                    parameters=sum(p.numel() for p in module.parameters(recurse=covers)),
                )
            )
            return covers
        has_children = any(True for _ in _children(module))
        if reasons:
            self._keep(path, module, "; ".join(reasons))
        elif not has_children and not isinstance(module, _IDLE):
            self._keep(
                path, module, f"no rule of policy {self.policy.name!r} for {type(module).__name__}"
            )
        return False

    def is_built_for(self, index: int, module: nn.Module, path: str) -> bool:
        """Whether a module has the structure that the policy's rule ``index`` asks for.

        Raises:
            PluginError: if the rule's function fails.
        """
        structure = self.policy.rules[index].structure
        if structure is None:
            return True
        try:
            return structure(module)
        except Exception as error:  # whatever the plugin's code raises is told with its place
            plugin = self.policy.plugin
            raise PluginError(
                plugin,
                f"The structure of rule {index + 1} of policy {self.policy.name!r} "
                f"({origin_of(plugin)}) failed for {type(module).__name__} at {path!r}: "
                f"{type(error).__name__}: {error}. Nothing was changed. Mend the policy, or take "
                "another with policy=.",
            ) from error

    @staticmethod
    def _require_unswapped(path: str, module: nn.Module, kernel: KernelSpec) -> None:
        for name, child in module.named_modules():
            if isinstance(child, TTNNModule):
                raise AlreadySwappedError(path, kernel.name, f"{path}.{name}")

    def _note_preference(
        self, module: nn.Module, best: Candidate, candidates: list[Candidate]
    ) -> None:
        """Tell where one plugin's kernel goes before another plugin's: that is never silent.

        One of a priority below zero stands back by itself.
        """
        for other in candidates:
            stands_back = other.kernel.priority < 0
            if (
                other.reason is None
                and not stands_back
                and other.kernel.plugin != best.kernel.plugin
            ):
                self.preferred[
                    f"for {type(module).__name__}, {best.kernel.name} ({best.kernel.plugin}, "
                    f"priority {best.kernel.priority}) goes before {other.kernel.name} "
                    f"({other.kernel.plugin}, priority {other.kernel.priority})"
                ] = None

    def _keep(self, path: str, module: nn.Module, reason: str) -> None:
        self.reasons[id(module)] = reason
        own = sum(p.numel() for p in module._parameters.values() if p is not None)
        # A container that is passed over computes nothing by itself: its leaves are listed.
        if own or not module._modules or ":" in reason:
            self.kept.append(Kept(path, type(module).__name__, reason, own))

    def _why_nothing(self) -> str:
        wanted = sorted(
            {
                r.replaces if isinstance(r.replaces, str) else r.replaces.__name__
                for r in self.policy.rules
                if r.structure is None
            }
        )
        if len(wanted) < len({r.replaces for r in self.policy.rules}):
            wanted.append("modules of a structure that it knows")
        refused = sorted({k.reason for k in self.kept if not k.reason.startswith("no rule")})
        why = f" Refused: {'; '.join(refused[:5])}." if refused else ""
        return (
            f"Policy {self.policy.name!r} replaces nothing in this {type(self.model).__name__}. It "
            f"looks for {', '.join(wanted)}.{why} Check the policy, include= and exclude=; "
            "`symbiote plan MODEL` shows why each module stays."
        )
