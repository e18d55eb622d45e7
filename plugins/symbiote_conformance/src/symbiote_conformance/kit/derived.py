"""Subjects that nobody has to write: derived from what a plugin registers."""

from __future__ import annotations

import copy
import functools
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from torch import nn

from symbiote_conformance.kit.known import examples_of
from symbiote_conformance.kit.recording import recorder
from symbiote_conformance.kit.subjects import Missing, ModelSubject, Subject
from symbiote_conformance.kit.tiny import TinyModel, models_of_module, models_of_type
from symbiote_core import KernelSpec, NothingReplacedError, PluginRecord, Policy, plan

GENERIC = ("bert", "gpt2")
"""The model types that a policy for any model is judged on."""

SEARCHED = (*GENERIC, "vit", "llama", "gemma", "t5", "distilbert", "whisper", "opt", "gpt_neox")
"""The model types in which modules for its kernels are looked for, until one is found."""

WRITE_SUBJECT = (
    "Write a Subject({name!r}, build=lambda: ..., inputs=[takes('B', 'S', ...)]): override "
    "`subjects` of KernelConformance, or `pytest_symbiote_subjects` in a conftest.py."
)
WRITE_MODEL = (
    "Write a ModelSubject({name!r}, build=lambda: ..., keywords={{'input_ids': takes('B', 'S', "
    "below=100)}}): override `subjects` of PolicyConformance, or `pytest_symbiote_subjects` in a "
    "conftest.py."
)


def kernels_of(record: PluginRecord) -> dict[str, KernelSpec]:
    """The kernels of a plugin by name: registered ones, and those that stand in its rules."""
    found = {spec.name: spec for spec in record.contribution.kernels}
    for policy in record.contribution.policies:
        for rule in policy.rules:
            if isinstance(rule.kernel, KernelSpec):
                found.setdefault(rule.kernel.name, rule.kernel)
    return found


def kernel_subjects(
    kernels: Mapping[str, KernelSpec], policies: Sequence[Policy], given: Iterable[Subject]
) -> list[Subject | Missing]:
    """Subjects of every kernel: those given, and derived ones for the kernels without.

    Args:
        kernels: by name.
        policies: of the same plugin, for kernels over swapped modules.
        given: what the author wrote.
    """
    found: list[Subject | Missing] = list(given)
    named = {subject.kernel_name for subject in given}
    for name, spec in kernels.items():
        if name not in named:
            found += _derived(spec, policies)
    return [_excuse(subject, found, kernels) for subject in found]


def _derived(spec: KernelSpec, policies: Sequence[Policy]) -> Sequence[Subject | Missing]:
    hint = WRITE_SUBJECT.format(name=spec.name)
    try:
        cls = _class_of(spec.replaces)
    except (ImportError, AttributeError) as error:
        why = f"what it replaces, {spec.target}, is not here: {error}"
        return [Missing(spec.name, why, hint, is_absent=True)]
    reasons = []
    subjects = []
    # Where any module may be meant, the rules of a policy tell which one is.
    for example in () if cls is nn.Module else examples_of(cls):
        verdict = spec.verdict(example.build())
        if verdict is None:
            subjects.append(Subject(spec.name, example.build, example.inputs, example.label))
        else:
            reasons.append(verdict)
    if subjects:
        return subjects
    if cls.__module__.startswith("transformers.models."):
        for tiny in models_of_module(cls.__module__):
            subject = _recorded(spec, cls, tiny, policies, reasons)
            if subject is not None:
                return [subject]
    planned = _planned(spec, policies)
    if planned is not None:
        return [planned]
    why = f"no {cls.__name__} is known to judge it by"
    if reasons:
        why = f"it supports no {cls.__name__} that is known, for one: {reasons[0]}"
    return [Missing(spec.name, why, hint, is_absent=bool(reasons))]


def _class_of(target: type | str) -> type[nn.Module]:
    if isinstance(target, str):
        module, _, name = target.rpartition(".")
        target = getattr(importlib.import_module(module), name)
    assert isinstance(target, type)
    return target


def _recorded(
    spec: KernelSpec,
    cls: type[nn.Module],
    tiny: TinyModel,
    policies: Sequence[Policy],
    reasons: list[str],
) -> Subject | None:
    for path, module in tiny.model.named_modules():
        if type(module) is not cls or not path:
            continue
        verdict = spec.verdict(module)
        if verdict is not None:
            reasons.append(verdict)
            continue
        recording = recorder(tiny, path)
        if recording is None:
            continue
        covers = spec.kernel_class().covers_children
        return Subject(
            spec.name,
            functools.partial(copy.deepcopy, module),
            recording.calls(),
            policy=None if covers else _policy_with(spec, policies),
        )
    return None


def _planned(spec: KernelSpec, policies: Sequence[Policy]) -> Subject | None:
    """A module for which a policy plans a kernel, in the first small model that has one."""
    for policy in policies:
        if not any(rule.kernel in (spec.name, spec) for rule in policy.rules):
            continue
        for model_type in _searched(policy):
            for tiny in _models_of(model_type):
                for path in _paths_of(spec, policy, tiny):
                    recording = recorder(tiny, path)
                    if recording is not None:
                        build = functools.partial(copy.deepcopy, recording.module)
                        covers = spec.kernel_class().covers_children
                        calls, rules = recording.calls(), None if covers else policy
                        return Subject(spec.name, build, calls, policy=rules)
    return None


def _searched(policy: Policy) -> list[str]:
    return [t for name in policy.model_types for t in (SEARCHED if name == "*" else (name,))]


def _models_of(model_type: str) -> list[TinyModel]:
    try:
        return list(models_of_type(model_type))
    except (ImportError, KeyError):  # not in this release of transformers, or there is none
        return []


def _paths_of(spec: KernelSpec, policy: Policy, tiny: TinyModel) -> list[str]:
    try:
        planned = plan(tiny.model, policy).replacements
    except NothingReplacedError:
        return []
    return [found.path for found in planned if found.kernel.name == spec.name]


def _policy_with(spec: KernelSpec, policies: Sequence[Policy]) -> Policy | None:
    """The policy that has a rule for a kernel."""
    for policy in policies:
        if any(rule.kernel in (spec.name, spec) for rule in policy.rules):
            return policy
    return None


def _excuse(
    subject: Subject | Missing,
    found: Sequence[Subject | Missing],
    kernels: Mapping[str, KernelSpec],
) -> Subject | Missing:
    """Excuse a kernel without subject whose class is judged under another name.

    Libraries rename and merge classes; a kernel is then registered for each of the names.
    """
    if not isinstance(subject, Missing) or not subject.is_absent:
        return subject
    cls = kernels[subject.name].kernel_class()
    for other in found:
        if isinstance(other, Subject) and isinstance(other.kernel, str):
            spec = kernels.get(other.kernel)
            if spec is not None and spec.kernel_class() is cls:
                why = f"{subject.problem}; {cls.__name__} is judged as {other.kernel}"
                return Missing(subject.name, why, excused=True)
    return subject


def policy_subjects(
    policies: Sequence[Policy], given: Iterable[ModelSubject]
) -> list[ModelSubject | Missing]:
    """Subjects of every policy: those given, and derived ones for the policies without."""
    found: list[ModelSubject | Missing] = list(given)
    named = {subject.policy_name for subject in given}
    for policy in policies:
        if policy.name not in named:
            found += _models_for(policy)
    return found


def _models_for(policy: Policy) -> Iterator[ModelSubject | Missing]:
    hint = WRITE_MODEL.format(name=policy.name)
    for model_type in policy.model_types:
        types = GENERIC if model_type == "*" else (model_type,)
        for name in types:
            try:
                models = list(models_of_type(name))
            except ImportError as error:
                yield Missing(policy.name, f"transformers is not here: {error}", hint)
                continue
            except KeyError:
                yield Missing(policy.name, f"transformers has no model type {name!r}", hint)
                continue
            chosen = list(_enough(policy, models))
            if not chosen:
                problem = f"it replaces nothing in any small model of type {name!r}"
                yield Missing(policy.name, problem, hint)
            for tiny in chosen:
                yield ModelSubject(
                    policy.name,
                    functools.partial(copy.deepcopy, tiny.model),
                    label=tiny.cls.__name__,
                    keywords=tiny.inputs,
                )


def _enough(policy: Policy, models: Sequence[TinyModel]) -> Iterator[TinyModel]:
    """The first models in which, together, every kernel occurs that occurs in any."""
    seen: set[str] = set()
    for tiny in models:
        try:
            planned = plan(tiny.model, policy).replacements
        except NothingReplacedError:
            continue
        kernels = {replacement.kernel.name for replacement in planned}
        if not kernels <= seen:
            seen |= kernels
            yield tiny
