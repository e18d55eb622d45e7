"""Subjects: an example of what a kernel replaces, or of a model that a policy is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from hypothesis import strategies as st
from torch import nn

from symbiote_conformance.closeness import Closeness
from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.inputs import calls_of
from symbiote_core import KernelSpec, Policy, TTNNModule

Inputs = Sequence[Any] | st.SearchStrategy[TorchCall]
"""Positional arguments (tensors as `takes`), or a strategy of whole calls."""


@attrs.frozen(eq=False)
class Subject:
    """An example of the torch module that a kernel replaces, and what it takes.

    Attributes:
        kernel: the name of a registered kernel, or a kernel class, registered or not.
        build: makes the torch module. Its parameters are rounded to bfloat16, and those that are
            constant (norms start at one, biases at zero) get random values, which a mistake does
            not get past.
        inputs: the positional arguments of its ``forward``, tensors as `takes`; or a hypothesis
            strategy of `TorchCall` where that is not enough.
        label: tells several subjects of a kernel apart.
        keywords: the keyword arguments, likewise.
        sizes: for named sizes, a strategy other than 1 to 70.
        model_config: the ``model_config`` that the kernel is given.
        closeness: how close it has to be to torch; by default what is usual for the dtype of its
            weights (`symbiote_conformance.closeness.KERNEL`).
        policy: for a kernel with ``covers_children = False``, what swaps the modules in it.
    """

    kernel: str | type[TTNNModule]
    build: Callable[[], nn.Module]
    inputs: Inputs
    label: str = ""
    keywords: Mapping[str, Any] = attrs.Factory(dict)
    sizes: Mapping[str, st.SearchStrategy[int]] = attrs.Factory(dict)
    model_config: Mapping[str, Any] | None = None
    closeness: Closeness | None = None
    policy: Policy | None = None

    @property
    def kernel_name(self) -> str:
        """The kernel's name."""
        return self.kernel if isinstance(self.kernel, str) else self.kernel.__name__

    @property
    def name(self) -> str:
        """The kernel's name, and the label if there is one."""
        return f"{self.kernel_name}:{self.label}" if self.label else self.kernel_name

    def calls(self) -> st.SearchStrategy[TorchCall]:
        """Its calls."""
        return _calls(self.inputs, self.keywords, self.sizes)


@attrs.frozen(eq=False)
class ModelSubject:
    """An example of a model that a policy swaps, and what it takes.

    Attributes:
        policy: the name of a registered policy, or a `Policy`, registered or not.
        build: makes the model, a small one; its parameters are prepared as those of `Subject` are.
        inputs: see `Subject`.
        label: tells several models of a policy apart; by convention the model's class.
        keywords: see `Subject`.
        sizes: see `Subject`.
        model_config: the ``model_config`` that its kernels are given.
        closeness: how close it has to be to torch; by default what is usual for the dtype of its
            weights (`symbiote_conformance.closeness.MODEL`).
    """

    policy: str | Policy
    build: Callable[[], nn.Module]
    inputs: Inputs = ()
    label: str = ""
    keywords: Mapping[str, Any] = attrs.Factory(dict)
    sizes: Mapping[str, st.SearchStrategy[int]] = attrs.Factory(dict)
    model_config: Mapping[str, Any] | None = None
    closeness: Closeness | None = None

    @property
    def policy_name(self) -> str:
        """The policy's name."""
        return self.policy if isinstance(self.policy, str) else self.policy.name

    @property
    def name(self) -> str:
        """The policy's name, and the label if there is one."""
        return f"{self.policy_name}:{self.label}" if self.label else self.policy_name

    def calls(self) -> st.SearchStrategy[TorchCall]:
        """Its calls."""
        return _calls(self.inputs, self.keywords, self.sizes)


@attrs.frozen
class Missing:
    """A kernel or policy that nothing is known to be judged by: its checks fail, or are skipped.

    Attributes:
        name: of the kernel or policy.
        problem: why there is no subject.
        hint: what to write.
        is_absent: whether what it is for is not here: the class is not, or is built otherwise.
        excused: whether it can't be judged here for a good reason, which is shown.
    """

    name: str
    problem: str
    hint: str = ""
    is_absent: bool = False
    excused: bool = False


def spec_of(subject: Subject, known: Mapping[str, KernelSpec]) -> KernelSpec | None:
    """The record of a subject's kernel; None if it is a name that nobody registered."""
    if isinstance(subject.kernel, str):
        return known.get(subject.kernel)
    for spec in known.values():
        if spec.builds is subject.kernel:
            return spec
    kernel = subject.kernel
    return KernelSpec(kernel.__name__, nn.Module, kernel, plugin=kernel.__module__.split(".")[0])


def _calls(
    inputs: Inputs, keywords: Mapping[str, Any], sizes: Mapping[str, st.SearchStrategy[int]]
) -> st.SearchStrategy[TorchCall]:
    if isinstance(inputs, st.SearchStrategy):
        return inputs
    return calls_of(inputs, keywords, sizes)
