"""The classes that tests inherit, and that the option ``--symbiote-conformance`` collects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import pytest

from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.checks import KERNEL_CHECKS, POLICY_CHECKS
from symbiote_conformance.kit.chips import CHIPS, asking, why_no_chips
from symbiote_conformance.kit.derived import kernel_subjects, kernels_of, policy_subjects
from symbiote_conformance.kit.judgements import (
    Judgement,
    checked,
    judge,
    missing,
    on_chip,
    without_chips,
)
from symbiote_conformance.kit.plugins import record_of
from symbiote_conformance.kit.subjects import Missing, ModelSubject, Subject, spec_of
from symbiote_core import PluginRecord, Policy


class _Conformance:
    """What the two classes have in common."""

    plugin: ClassVar[str] = ""
    """The plugin to judge: its name, or that of its distribution. Without one, only `subjects`."""

    examples: ClassVar[int | None] = None
    """How many calls to try; by default what ``--symbiote-examples`` says."""

    def plugins(self, config: pytest.Config) -> Sequence[str]:
        """The plugins to judge."""
        del config
        return (self.plugin,) if self.plugin else ()

    def judgements(self, config: pytest.Config) -> list[Judgement]:
        """The tests."""
        records = [record_of(name) for name in self.plugins(config)]
        found = [judgement for record in records for judgement in self._of(record, config)]
        if not records:
            found = self._of(PluginRecord("", ""), config)
        if not found:
            raise pytest.UsageError(
                f"{type(self).__name__} has nothing to judge: {self._nothing(records)}. Name "
                "another plugin in `plugin`, or override `subjects`."
            )
        return found

    def _of(self, record: PluginRecord, config: pytest.Config) -> list[Judgement]:
        raise NotImplementedError

    def _nothing(self, records: Sequence[PluginRecord]) -> str:
        raise NotImplementedError

    def _tries(self, config: pytest.Config) -> int:
        option: int = config.getoption("symbiote_examples")
        return option if self.examples is None else self.examples

    def _acceptances(self, cases: Sequence[Case], config: pytest.Config) -> list[Judgement]:
        why = why_no_chips()
        if not cases:
            return []
        if why is not None:
            return [without_chips(why, len(cases))]
        ask = asking(config)
        return [on_chip(case, chip, ask) for case in cases for chip in CHIPS]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make the tests of this class, one for each check of each subject."""
        if "symbiote_judgement" in metafunc.fixturenames:
            metafunc.parametrize(
                "symbiote_judgement",
                [
                    pytest.param(judgement, id=judgement.name, marks=judgement.marks)
                    for judgement in self.judgements(metafunc.config)
                ],
            )


class KernelConformance(_Conformance):
    """Judges the kernels of a plugin; inherit it in a test module.

    Example::

        class TestKernels(KernelConformance):
            plugin = "mine"
    """

    def subjects(self) -> Iterable[Subject]:
        """Subjects of your own; of kernels without any they are derived where that is possible."""
        return ()

    def test_kernel(self, symbiote_judgement: Judgement, request: pytest.FixtureRequest) -> None:
        """One check of one kernel."""
        judge(symbiote_judgement, request.node)

    def _of(self, record: PluginRecord, config: pytest.Config) -> list[Judgement]:
        kernels = kernels_of(record)
        told = config.hook.pytest_symbiote_subjects(plugin=record.name)
        given = [s for s in (*self.subjects(), *_flat(told)) if isinstance(s, Subject)]
        found, cases = [], []
        for subject in kernel_subjects(kernels, record.contribution.policies, given):
            if isinstance(subject, Missing):
                found.append(missing(subject, record.name))
                continue
            spec = spec_of(subject, kernels)
            if spec is None:
                known = ", ".join(kernels) or "none"
                raise pytest.UsageError(
                    f"A Subject is for a kernel {subject.kernel!r}, which plugin {record.name!r} "
                    f"does not bring. It brings: {known}."
                )
            plugin = spec.plugin or record.name
            case = Case(subject, spec, None, plugin, self._tries(config))
            cases.append(case)
            found += [checked(case, name, check) for name, check in KERNEL_CHECKS.items()]
        return found + self._acceptances(cases, config)

    def _nothing(self, records: Sequence[PluginRecord]) -> str:
        names = ", ".join(repr(record.name) for record in records)
        return f"plugin {names} brings no kernels" if records else "it has no plugin or subjects"


class PolicyConformance(_Conformance):
    """Judges the policies of a plugin; inherit it in a test module.

    Example::

        class TestPolicies(PolicyConformance):
            plugin = "mine"
    """

    def subjects(self) -> Iterable[ModelSubject]:
        """Models of your own; of policies without any they are derived where that is possible."""
        return ()

    def test_policy(self, symbiote_judgement: Judgement, request: pytest.FixtureRequest) -> None:
        """One check of one policy."""
        judge(symbiote_judgement, request.node)

    def _of(self, record: PluginRecord, config: pytest.Config) -> list[Judgement]:
        policies = {policy.name: policy for policy in record.contribution.policies}
        told = config.hook.pytest_symbiote_subjects(plugin=record.name)
        given = [s for s in (*self.subjects(), *_flat(told)) if isinstance(s, ModelSubject)]
        found, cases = [], []
        for subject in policy_subjects(list(policies.values()), given):
            if isinstance(subject, Missing):
                found.append(missing(subject, record.name))
                continue
            policy = subject.policy
            if isinstance(policy, str):
                if policy not in policies:
                    known = ", ".join(policies) or "none"
                    raise pytest.UsageError(
                        f"A ModelSubject is for a policy {policy!r}, which plugin {record.name!r} "
                        f"does not bring. It brings: {known}."
                    )
                policy = policies[policy]
            assert isinstance(policy, Policy)
            plugin = policy.plugin or record.name
            case = Case(subject, None, policy, plugin, self._tries(config))
            cases.append(case)
            found += [checked(case, name, check) for name, check in POLICY_CHECKS.items()]
        return found + self._acceptances(cases, config)

    def _nothing(self, records: Sequence[PluginRecord]) -> str:
        names = ", ".join(repr(record.name) for record in records)
        return f"plugin {names} brings no policies" if records else "it has no plugin or subjects"


def _flat(
    told: Iterable[Iterable[Subject | ModelSubject]],
) -> list[Subject | ModelSubject]:
    return [subject for subjects in told for subject in subjects]
