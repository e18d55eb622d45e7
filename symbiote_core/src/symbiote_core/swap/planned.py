"""What a plan says: records, without a way to act on them."""

from __future__ import annotations

import attrs

from symbiote_core.registry.records import KernelSpec


@attrs.frozen
class Replacement:
    """A module to be replaced.

    Attributes:
        path: where it stands first.
        paths: everywhere it stands; more than one for a shared module.
        module_class: the torch class's name.
        kernel: the kernel.
        parameters: how many parameters it has, with its children if the kernel covers them.
    """

    path: str
    paths: tuple[str, ...]
    module_class: str
    kernel: KernelSpec
    parameters: int


@attrs.frozen
class Kept:
    """A module that stays on torch.

    Attributes:
        path: where it stands.
        module_class: the torch class's name.
        reason: why it stays.
        parameters: how many parameters it has of its own.
    """

    path: str
    module_class: str
    reason: str
    parameters: int


@attrs.frozen
class ReplacementPlan:
    """What `apply` will do to a model.

    Attributes:
        model_class: the model's class name.
        policy: the policy's name.
        plugin: the plugin that brought the policy.
        replacements: the modules to be replaced, in the model's order.
        kept: the modules that compute something and stay on torch, with reasons.
        swapped: the paths that hold replacements already.
        notes: what the user should know, such as an unknown version of a library.
    """

    model_class: str
    policy: str
    plugin: str
    replacements: tuple[Replacement, ...]
    kept: tuple[Kept, ...]
    swapped: tuple[str, ...]
    notes: tuple[str, ...]
