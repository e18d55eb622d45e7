"""Cases: a subject with everything that the checks need to judge it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
from torch import nn

from symbiote_conformance.closeness import KERNEL, MODEL, Closeness
from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.comparing import require_close
from symbiote_conformance.kit.conditioning import eased
from symbiote_conformance.kit.exploring import explore, sample
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.preparing import prepared
from symbiote_conformance.kit.subjects import ModelSubject, Subject
from symbiote_conformance.kit.swapped import Holder, RefusedError, Swapped, swapped
from symbiote_core import KernelSpec, Policy, Rule

SAMPLES = 12
"""How many calls are looked through for those that a check needs."""


@attrs.frozen(eq=False)
class Case:
    """One subject, to be judged by every check.

    Attributes:
        subject: what is judged.
        kernel: the record of its kernel; None for a policy.
        policy: that of a policy; None for a kernel.
        plugin: the plugin that brings it.
        examples: how many calls to try where many are tried.
    """

    subject: Subject | ModelSubject
    kernel: KernelSpec | None
    policy: Policy | None
    plugin: str
    examples: int

    @property
    def title(self) -> str:
        """What is judged, for messages."""
        kind = "policy" if self.kernel is None else "kernel"
        return f"{kind} {self.subject.name} (plugin {self.plugin})"

    @property
    def is_coarse(self) -> bool:
        """Whether the answers go through several kernels, each of which may step back to torch."""
        return self.kernel is None or not self.kernel.kernel_class().covers_children

    @property
    def returns_everything(self) -> bool:
        """Whether nothing that torch returns may be left out."""
        return self.kernel is not None and self.kernel.kernel_class().returns_everything

    @property
    def bounds(self) -> Mapping[str, Closeness]:
        """How close it has to be, by the dtype of the weights."""
        if self.subject.closeness is not None:
            return dict.fromkeys(KERNEL, self.subject.closeness)
        return MODEL if self.is_coarse else KERNEL

    def build(self) -> nn.Module:
        """The torch module, alone."""
        return prepared(self.subject.build)

    def policy_for(self, module: nn.Module) -> Policy:
        """What swaps ``module`` where it stands in a `Holder`."""
        assert self.kernel is not None
        assert isinstance(self.subject, Subject)
        rules: tuple[Rule, ...] = (Rule(type(module), self.kernel),)
        if self.subject.policy is not None:
            rules += self.subject.policy.rules
        return Policy("conformance", (), rules, plugin=self.plugin)

    def held(self, module: nn.Module) -> nn.Module:
        """The model that is swapped: that of a policy as it is, or one that holds a module."""
        return module if self.kernel is None else Holder(module)

    @contextlib.contextmanager
    def swapped(
        self,
        strict: bool = True,
        hold: Callable[[nn.Module], nn.Module] | None = None,
        device: str = "emulator",
    ) -> Iterator[Swapped]:
        """What is built, swapped.

        Args:
            strict: raise where a kernel would fall back.
            hold: makes the model of what is built; by default `held`.
            device: a device string.

        Raises:
            ConformanceError: if it can't be swapped.
        """
        module = self.build()
        policy = self.policy_for(module) if self.policy is None else self.policy
        model = self.held(module) if hold is None else hold(module)
        with swapped(self.title, model, policy, self.subject.model_config, strict, device) as found:
            yield found

    def require_torchs(
        self, both: Swapped, call: TorchCall, answer: Any, golden: Any = None, when: str = ""
    ) -> None:
        """An answer to a call is as close to torch's as it has to be.

        Args:
            both: the swapped module.
            call: what was called.
            answer: what came of it.
            golden: what torch answers, if it is known already.
            when: in what situation, for the message.

        Raises:
            ConformanceError: if it is not.
        """
        dtype = both.dtype()

        def ease(bound: Closeness, index: int) -> Closeness:
            args, kwargs = call.tensors()
            return eased(bound, both.original, args, kwargs, index, dtype)

        require_close(
            self.title,
            both.golden(call) if golden is None else golden,
            answer,
            self.bounds[dtype],
            call,
            self.returns_everything,
            when,
            ease,
        )

    def explore(self, holds: Callable[[TorchCall], None], examples: int | None = None) -> None:
        """Judge many calls; see `symbiote_conformance.kit.exploring.explore`."""
        explore(self.subject.calls(), holds, examples or self.examples)

    def accepted(self, both: Swapped, rows: int = 1) -> TorchCall:
        """The smallest known call that the kernel takes, with at least so many rows if it can be.

        Raises:
            ConformanceError: if it takes none, or fails.
        """
        refusals = []
        calls = sorted(self.samples, key=lambda call: (call.batch < rows, call.size()))
        for call in calls:
            try:
                both.answer(call)
            except RefusedError as refused:
                refusals.append(str(refused))
            else:
                return call
        raise self.refused(refusals[0])

    def refused(self, why: str) -> ConformanceError:
        """The error of a kernel that takes no call at all."""
        return ConformanceError(
            self.title,
            f"it leaves every call to torch, for one: {why}",
            self.samples[0],
            "Give a Subject whose inputs the kernel takes.",
        )

    @property
    def samples(self) -> list[TorchCall]:
        """Some calls, the smallest first."""
        return _samples(self.subject)


@functools.cache
def _samples(subject: Subject | ModelSubject) -> list[TorchCall]:
    return sample(subject.calls(), SAMPLES)
