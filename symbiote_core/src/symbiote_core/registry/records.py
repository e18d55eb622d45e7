"""The records that plugins register: kernels and policies."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from torch import nn

from symbiote_core.errors import KernelError
from symbiote_core.module.ttnn_module import TTNNModule

Supports = Callable[[nn.Module], "str | None"]
Structure = Callable[[nn.Module], bool]


def qualified_name(cls: type) -> str:
    """``package.module.Class``, as string targets are written."""
    return f"{cls.__module__}.{cls.__qualname__}"


def matches_class(target: type | str, cls: type, subclasses: bool) -> bool:
    """Whether modules of class ``cls`` are what ``target`` names; imports nothing."""
    classes = cls.__mro__ if subclasses else (cls,)
    if isinstance(target, str):
        return any(qualified_name(c) == target for c in classes)
    return target in classes


def _resolve(value: type[TTNNModule] | str) -> type[TTNNModule]:
    if isinstance(value, type):
        return value
    module, _, name = value.partition(":")
    found = getattr(importlib.import_module(module), name)
    if not (isinstance(found, type) and issubclass(found, TTNNModule)):
        raise TypeError(f"{value} is {found!r}, and must be a subclass of TTNNModule")
    return found


@attrs.frozen
class KernelSpec:
    """A kernel: which torch modules it replaces and what builds it.

    Attributes:
        name: unique among the installed kernels, such as ``TTNNLinear``.
        replaces: a module class, or its qualified name as a string so that nothing is imported.
        builds: the `TTNNModule` subclass, or ``"package.module:Class"`` to import it late.
        supports: tells for a module of that class why it can't be replaced, or None if it can; by
            default the kernel class's own ``supports``. It looks and changes nothing.
        subclasses: whether subclasses of ``replaces`` are replaced too.
        priority: of two kernels that support a module, the higher one is taken.
        plugin: the plugin's name; filled in when it is registered.
    """

    name: str
    replaces: type | str
    builds: type[TTNNModule] | str
    supports: Supports | None = None
    subclasses: bool = False
    priority: int = 0
    plugin: str = ""

    @property
    def target(self) -> str:
        """The qualified name of what it replaces."""
        return self.replaces if isinstance(self.replaces, str) else qualified_name(self.replaces)

    def matches(self, cls: type) -> bool:
        """Whether modules of class ``cls`` are candidates."""
        return matches_class(self.replaces, cls, self.subclasses)

    def verdict(self, module: nn.Module, path: str = "") -> str | None:
        """Why ``module`` can't be replaced by this kernel, or None if it can.

        Args:
            module: of a class that it matches.
            path: where it stands, for messages.

        Raises:
            KernelError: if the plugin's own code fails, or returns something else.
        """
        supports = self.supports or self.kernel_class().supports
        where = f" for {type(module).__name__}" + (f" at {path!r}" if path else "")
        try:
            reason: object = supports(module)
        except Exception as error:  # whatever the author's code raises is told with its place
            raise KernelError(self.name, self.plugin, f"supports{where}", error) from error
        if reason is None or isinstance(reason, str):
            return reason
        wrong = TypeError(f"it returned {reason!r}, and must return None or a reason as str")
        raise KernelError(self.name, self.plugin, f"supports{where}", wrong)

    def kernel_class(self) -> type[TTNNModule]:
        """The class that builds the replacement, imported now if it was given as a string.

        Raises:
            KernelError: if it can't be imported.
        """
        try:
            return _resolve(self.builds)
        except Exception as error:  # whatever the plugin's module raises is told with its place
            raise KernelError(self.name, self.plugin, f"import of {self.builds}", error) from error


@attrs.frozen
class Rule:
    """One line of a policy: which modules, and which kernel for them.

    Attributes:
        replaces: a module class or its qualified name.
        kernel: the name of a registered kernel, a kernel of the rule's own, or None for the best
            registered one.
        paths: patterns that the module's path must match; empty for all.
        subclasses: whether subclasses of ``replaces`` are meant too.
        structure: tells whether a module of that class is built as the rule means it; None for
            any. It looks and changes nothing. Modules that it leaves out are passed over, while
            one that the kernel then refuses is listed with the reason.
    """

    replaces: type | str
    kernel: str | KernelSpec | None = None
    paths: tuple[str, ...] = ()
    subclasses: bool = False
    structure: Structure | None = None

    def matches(self, cls: type) -> bool:
        """Whether modules of class ``cls`` are meant."""
        return matches_class(self.replaces, cls, self.subclasses)


@attrs.frozen
class Policy:
    """How to swap the models of one architecture.

    Attributes:
        name: what ``policy=`` takes.
        model_types: the values of ``model.config.model_type`` that it is for; ``*`` for models that
            no other policy is for.
        rules: in order; the first whose kernel supports a module is taken. A replaced module's
            children are not looked at, so coarse rules stand before fine ones.
        description: one line for lists.
        versions: for a distribution, the lowest version known to work and the first one that is
            not, as ``("transformers", (4, 57), (6, 0))``.
        priority: of two policies for a model type, ``policy="auto"`` takes the higher one.
        plugin: the plugin's name; filled in when it is registered.
    """

    name: str
    model_types: tuple[str, ...]
    rules: tuple[Rule, ...]
    description: str = ""
    versions: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    priority: int = 0
    plugin: str = ""

    @property
    def is_generic(self) -> bool:
        """Whether it is for models of any type."""
        return "*" in self.model_types

    def version_notes(self) -> Sequence[str]:
        """What is installed in a version that this policy does not know."""
        notes = []
        for distribution, low, high in self.versions:
            try:
                text = importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:
                continue
            release = tuple(int(p) for p in text.split(".")[: len(low)] if p.isdigit())
            if not low <= release or release >= high:
                known = f"{'.'.join(map(str, low))} up to but without {'.'.join(map(str, high))}"
                notes.append(
                    f"policy {self.name!r} knows {distribution} {known}; {text} is installed"
                )
        return notes


@attrs.frozen
class Contribution:
    """Anything that a plugin registers, with the plugin's name filled in."""

    kernels: tuple[KernelSpec, ...] = ()
    policies: tuple[Policy, ...] = ()
    runtimes: tuple[Any, ...] = ()
    handlers: tuple[Any, ...] = ()
    idle_tests: tuple[Any, ...] = ()
