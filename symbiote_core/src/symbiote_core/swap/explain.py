"""Explaining a plan: for one module, the policy and the kernels there were, and why each or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs
from torch import nn

from symbiote_core.errors import (
    AlreadySwappedError,
    AmbiguousKernelError,
    KernelError,
    NothingReplacedError,
    PluginError,
    PolicyNotFoundError,
    SelectionError,
    origin_of,
)
from symbiote_core.module.ttnn_module import TTNNModule
from symbiote_core.registry import Candidate, KernelSpec, Policy, Registry
from symbiote_core.registry.registry import model_type_of
from symbiote_core.selection import Selection
from symbiote_core.swap.explanation import Explanation, PolicyChoice
from symbiote_core.swap.plan import Planner, PolicyLike, resolve_policy


def explain(
    model: nn.Module,
    path: str,
    policy: PolicyLike = "auto",
    include: str | Iterable[str] = (),
    exclude: str | Iterable[str] = (),
    registry: Registry | None = None,
) -> Explanation:
    """Why the module at ``path`` would be replaced as it would, or stay on torch.

    Args:
        model: a torch model, swapped or not; it is left as it is.
        path: the path of a module in it.
        policy: see `symbiote_core.plan`.
        include: see `symbiote_core.plan`.
        exclude: see `symbiote_core.plan`.
        registry: where kernels and policies are looked up; that of the loaded plugins by default.

    Raises:
        SelectionError: if the model has no such module, naming those that look like it.
    """
    return Explainer(model, policy, include, exclude, registry).explain(path)


class Explainer:
    """Explains any modules of one model, which is planned once; for the arguments see `explain`."""

    def __init__(
        self,
        model: nn.Module,
        policy: PolicyLike = "auto",
        include: str | Iterable[str] = (),
        exclude: str | Iterable[str] = (),
        registry: Registry | None = None,
    ) -> None:
        if registry is None:
            from symbiote_core.plugins import plugin_manager

            registry = plugin_manager().registry
        self.registry = registry
        self.modules = dict(model.named_modules(remove_duplicate=False))
        self.problem = ""
        chosen: Policy | None = None
        planner: Planner | None = None
        try:
            chosen = resolve_policy(policy, model, registry)
            planner = Planner(
                model,
                chosen,
                registry,
                Selection.of(include, "include"),
                Selection.of(exclude, "exclude"),
            )
            planner.run()
        except NothingReplacedError:
            pass  # every module was decided, and each is explained
        except (
            AlreadySwappedError,
            AmbiguousKernelError,
            KernelError,
            PluginError,
            PolicyNotFoundError,
        ) as error:
            self.problem = str(error)
        self.chosen, self.planner = chosen, planner
        self.policies = tuple(self._policies(policy, model))

    def paths(self, pattern: str) -> list[str]:
        """The paths that a pattern selects, in the model's order.

        Args:
            pattern: a path, a glob or ``re:`` and a regular expression; "" is the model itself.

        Raises:
            SelectionError: if it selects none.
        """
        if pattern == "":
            return [""]
        selection = Selection.of(pattern, "path")
        every = [path for path in self.modules if path]
        selection.require_all_used(every)
        return [path for path in every if selection.match(path)]

    def explain(self, path: str) -> Explanation:
        """Explain one module.

        Args:
            path: where it stands; "" is the model itself.

        Raises:
            SelectionError: if there is none.
        """
        if path not in self.modules:
            found = self.paths(path)
            if len(found) > 1:
                raise SelectionError(path, "path", found[:3], len(found), several=True)
            (path,) = found
        module = self.modules[path]
        layer = module.torch_layer if isinstance(module, TTNNModule) else module
        fate = self._fate(path, module)
        return Explanation(
            path=path,
            module_class=type(layer).__name__,
            policies=self.policies,
            outcome=fate.outcome,
            kernel=fate.kernel.name if fate.kernel is not None else None,
            candidates=tuple(self._candidates(path, layer, fate)),
            problem=self.problem,
        )

    def _policies(self, policy: PolicyLike, model: nn.Module) -> Iterator[PolicyChoice]:
        """The policies for the model: the one taken first, then those that could be."""
        chosen = self.chosen
        kind = model_type_of(model)
        automatic = policy == "auto"
        if chosen is not None:
            why = "asked for by name" if isinstance(policy, str) else "given by the caller"
            if automatic and chosen.is_generic:
                why = f"for every model, and no other is for model type {kind!r}"
            elif automatic:
                why = f"for model type {kind!r}"
            yield PolicyChoice(chosen.name, chosen.plugin, chosen.priority, True, why)
        others = [
            p
            for p in self.registry.policies.values()
            if p is not chosen and {kind, "*"} & set(p.model_types)
        ]
        for other in sorted(
            others, key=lambda p: (kind in p.model_types, p.priority), reverse=True
        ):
            if kind not in other.model_types:
                why = "for every model that no other policy is for"
            elif chosen is None:
                why = f"for model type {kind!r}, and so is another of this priority"
            elif automatic:
                why = f"for model type {kind!r}, but of lower priority than {chosen.name}"
            else:
                why = f"for model type {kind!r}, but another was asked for"
            yield PolicyChoice(other.name, other.plugin, other.priority, False, why)

    def _fate(self, path: str, module: nn.Module) -> _Fate:
        """What the plan says of a module."""
        if isinstance(module, TTNNModule):
            return _Fate(f"swapped already: {type(module).__name__} runs it")
        above = self._swapped_above(path)
        if above is not None:
            where, cover = above
            return _Fate(
                f"covered by {type(cover).__name__} at {where!r}, which is swapped already"
            )
        if self.problem or self.planner is None:
            return _Fate("the model can't be planned")
        covering = self.planner.covered.get(id(module))
        for made in self.planner.replacements:
            if path in made.paths:
                return _Fate(
                    f"replaced by {made.kernel.name} ({origin_of(made.kernel.plugin)})", made.kernel
                )
        if covering is not None:
            return _Fate(f"covered by {covering.kernel.name}, which replaces {covering.path!r}")
        why = self.planner.reasons.get(id(module))
        if why is None:
            return _Fate("stays, since it only calls its children, which are looked at one by one")
        inner = "; its children are looked at one by one" if module._modules else ""
        return _Fate(f"stays on torch: {why}{inner}", short=why)

    def _swapped_above(self, path: str) -> tuple[str, TTNNModule] | None:
        for end in (i for i in range(len(path)) if path[i] == "."):
            above = self.modules.get(path[:end])
            if isinstance(above, TTNNModule) and above.covers_children:
                return path[:end], above
        return None

    def _candidates(self, path: str, layer: nn.Module, fate: _Fate) -> Iterator[Candidate]:
        """Every kernel for the class of a module, each once.

        First by the rules that are for the module, then by other rules for its class, then those
        that no rule allows.
        """
        seen: set[KernelSpec] = set()
        # Why a kernel that fits is not taken, as long as none is.
        left = fate.short or fate.outcome
        if fate.kernel is not None:
            left = "it would cover an excluded module"
        for number, spec, elsewhere in self._allowed(path, layer):
            if spec in seen:
                continue
            seen.add(spec)
            reason = self._refusal(spec, layer, path)
            why = reason or elsewhere
            taken = not why and spec is fate.kernel
            if taken:
                why = f"the first rule with a kernel that fits is rule {number}"
                left = f"{spec.name} is taken before it"
            yield Candidate(spec, reason, taken, why or left)
        for spec in self.registry.kernels_for(type(layer)):
            if spec not in seen:
                reason = self._refusal(spec, layer, path)
                unnamed = (
                    f"policy {self._policy_name} has no rule for it here"
                    if self.chosen is not None
                    else "there is no policy for the model"
                )
                yield Candidate(spec, reason, False, reason or unnamed)

    @property
    def _policy_name(self) -> str:
        return repr(self.chosen.name) if self.chosen is not None else ""

    def _allowed(self, path: str, layer: nn.Module) -> Iterator[tuple[int, KernelSpec, str]]:
        """The kernels that rules allow for a module's class, those of rules for its path first.

        Yields:
            The rule's number from 1, a kernel, and why the rule is not for this module, if so.
        """
        if self.planner is None or self.chosen is None:
            return
        paths = self.planner.paths.get(id(layer), [path])
        later = []
        for index in self.planner.rules_for(type(layer)):
            rule, only = self.chosen.rules[index], self.planner.rule_paths[index]
            try:
                if not self.planner.is_built_for(index, layer, path):
                    continue
                allowed = self.registry.allowed(type(layer), rule)
            except (PluginError, PolicyNotFoundError):  # `problem` tells of it
                continue
            if only and not any(only.match(p) for p in paths):
                why = f"rule {index + 1} of policy {self._policy_name} is for other paths"
                later += [(index + 1, spec, why) for spec in allowed]
                continue
            for spec in allowed:
                yield index + 1, spec, ""
        yield from later

    @staticmethod
    def _refusal(spec: KernelSpec, layer: nn.Module, path: str) -> str | None:
        try:
            return spec.verdict(layer, path)
        except KernelError as error:  # that is what is asked for: why it is not taken
            return str(error)


@attrs.frozen
class _Fate:
    """What becomes of a module: in words, by which kernel, and in short why it stays."""

    outcome: str
    kernel: KernelSpec | None = None
    short: str = ""
