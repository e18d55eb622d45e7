"""The registry: kernels, policies, runtimes and aten handlers of the loaded plugins."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from torch import nn

from symbiote_core.errors import AmbiguousKernelError, PolicyNotFoundError
from symbiote_core.module.hooks import IdleTest
from symbiote_core.registry.records import Contribution, KernelSpec, Policy, Rule
from symbiote_core.runtime.protocol import RuntimeSpec
from symbiote_core.tensor.handlers import HandlerTable

WRITE_ONE = (
    "Install one with `pip install symbiote-ARCHITECTURE`, map classes yourself with "
    "policy={nn.Linear: TTNNLinear, ...}, or write a policy: see 'Writing a plugin' in the README."
)


@attrs.frozen
class Candidate:
    """A kernel that was looked at for one module.

    Attributes:
        kernel: the kernel.
        reason: why it does not support the module, or None if it does.
        taken: whether the plan takes it; filled in by `symbiote_core.explain`.
        why: why it is taken or not; filled in by `symbiote_core.explain`.
    """

    kernel: KernelSpec
    reason: str | None
    taken: bool = False
    why: str = ""


def model_type_of(model: nn.Module) -> str | None:
    """``model.config.model_type``, or None for models that are not Hugging Face's."""
    found = getattr(getattr(model, "config", None), "model_type", None)
    return found if isinstance(found, str) else None


class Registry:
    """What the plugins brought, by name and by class."""

    def __init__(self) -> None:
        self.kernels: dict[str, KernelSpec] = {}
        self.policies: dict[str, Policy] = {}
        self.runtimes: list[RuntimeSpec] = []
        self.handlers = HandlerTable()
        self.idle_tests: list[IdleTest] = []
        self._by_class: dict[type, tuple[KernelSpec, ...]] = {}

    def add(self, contribution: Contribution) -> None:
        """Add what one plugin brought.

        Raises:
            AmbiguousKernelError: if a name is taken, or another plugin handles an overload.
        """
        for kernel in contribution.kernels:
            self._claim("kernel", kernel.name, self.kernels.get(kernel.name), kernel)
            self.kernels[kernel.name] = kernel
        for policy in contribution.policies:
            self._claim("policy", policy.name, self.policies.get(policy.name), policy)
            self.policies[policy.name] = policy
        for runtime in contribution.runtimes:
            taken = next((r for r in self.runtimes if r.scheme == runtime.scheme), None)
            self._claim("device scheme", runtime.scheme, taken, runtime)
            self.runtimes.append(runtime)
        for handler in contribution.handlers:
            self.handlers.add(handler)
        self.idle_tests += contribution.idle_tests
        self._by_class.clear()

    @staticmethod
    def _claim(
        kind: str,
        name: str,
        taken: KernelSpec | Policy | RuntimeSpec | None,
        new: KernelSpec | Policy | RuntimeSpec,
    ) -> None:
        if taken is not None:
            raise AmbiguousKernelError(
                f"Plugins {taken.plugin!r} and {new.plugin!r} both bring a {kind} named {name!r}. "
                "Rename one, or block a plugin with SYMBIOTE_PLUGINS.",
                (taken.plugin, new.plugin),
            )

    def kernels_for(self, cls: type) -> tuple[KernelSpec, ...]:
        """The kernels whose target fits ``cls``, the nearest class and highest priority first."""
        if cls not in self._by_class:
            found = [k for k in self.kernels.values() if k.matches(cls)]
            found.sort(key=lambda k: self._rank(k, cls), reverse=True)
            self._by_class[cls] = tuple(found)
        return self._by_class[cls]

    @staticmethod
    def _rank(kernel: KernelSpec, cls: type) -> tuple[bool, int]:
        exact = kernel.replaces is cls or not kernel.subclasses
        return exact, kernel.priority

    def candidates(self, module: nn.Module, rule: Rule, path: str = "") -> list[Candidate]:
        """The kernels that ``rule`` allows for ``module``, best first, each with its verdict.

        Args:
            module: of a class that the rule is for.
            rule: of a policy.
            path: where the module stands, for messages.

        Raises:
            PolicyNotFoundError: if the rule names a kernel that is not registered.
            KernelError: if a kernel's own code fails.
        """
        return [Candidate(k, k.verdict(module, path)) for k in self.allowed(type(module), rule)]

    def allowed(self, cls: type, rule: Rule) -> tuple[KernelSpec, ...]:
        """The kernels that ``rule`` allows for modules of class ``cls``, best first.

        Raises:
            PolicyNotFoundError: if the rule names a kernel that is not registered.
        """
        if isinstance(rule.kernel, KernelSpec):
            return (rule.kernel,)
        if rule.kernel is not None:
            kernel = self.kernels.get(rule.kernel)
            if kernel is None:
                known = ", ".join(sorted(self.kernels)) or "none"
                raise PolicyNotFoundError(
                    f"kernel {rule.kernel!r} (asked for by a policy rule)",
                    sorted(self.policies),
                    f"Registered kernels are: {known}.",
                )
            return (kernel,)
        return self.kernels_for(cls)

    def choose(
        self, path: str, module: nn.Module, candidates: Sequence[Candidate]
    ) -> Candidate | None:
        """The best supported candidate, or None.

        Raises:
            AmbiguousKernelError: if two have the same rank.
        """
        fit = [c for c in candidates if c.reason is None]
        if not fit:
            return None
        cls = type(module)
        best = fit[0]
        rivals = [c for c in fit[1:] if self._rank(c.kernel, cls) == self._rank(best.kernel, cls)]
        if rivals:
            a, b = best.kernel, rivals[0].kernel
            raise AmbiguousKernelError(
                f"Kernels {a.name!r} (plugin {a.plugin!r}) and {b.name!r} (plugin {b.plugin!r}) "
                f"both replace {cls.__name__} at {path!r} with priority {a.priority}. Give one a "
                "higher priority, name the kernel in the policy's rule, or block a plugin with "
                "SYMBIOTE_PLUGINS.",
                (a.plugin, b.plugin),
            )
        return best

    def policy_named(self, name: str) -> Policy:
        """The policy called ``name``.

        Raises:
            PolicyNotFoundError: listing those there are.
        """
        if name not in self.policies:
            raise PolicyNotFoundError(f"the name {name!r}", sorted(self.policies), WRITE_ONE)
        return self.policies[name]

    def policies_for(self, model: nn.Module) -> list[Policy]:
        """The policies for ``model.config.model_type``, else the generic ones, best first."""
        model_type = model_type_of(model)
        fit = [p for p in self.policies.values() if model_type in p.model_types]
        if not fit:
            fit = [p for p in self.policies.values() if p.is_generic]
        return sorted(fit, key=lambda p: p.priority, reverse=True)

    def policy_for(self, model: nn.Module) -> Policy:
        """The policy for ``model`` by ``model.config.model_type``, else the generic one.

        Raises:
            PolicyNotFoundError: if there is none.
            AmbiguousKernelError: if two fit at equal priority.
        """
        model_type = model_type_of(model)
        fit = self.policies_for(model)
        if not fit:
            named = (
                f"model type {model_type!r}"
                if model_type
                else f"{type(model).__name__} (it has no config.model_type)"
            )
            raise PolicyNotFoundError(named, sorted(self.policies), WRITE_ONE)
        if len(fit) > 1 and fit[0].priority == fit[1].priority:
            a, b = fit[0], fit[1]
            raise AmbiguousKernelError(
                f"Policies {a.name!r} (plugin {a.plugin!r}) and {b.name!r} (plugin {b.plugin!r}) "
                f"are both for model type {model_type!r}. Choose with policy={a.name!r}.",
                (a.plugin, b.plugin),
            )
        return fit[0]
