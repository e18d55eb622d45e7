"""Which kernel is taken for a module, and what is said when that can't be told."""

from __future__ import annotations

import importlib.metadata
from types import SimpleNamespace

import pytest
import torch
from core_kernels import Bringing, FakeLinear, Relu, small_model
from torch import nn

from symbiote_core import (
    AmbiguousKernelError,
    Candidate,
    KernelSpec,
    Policy,
    PolicyNotFoundError,
    Registry,
    Rule,
    accelerate,
    plan,
    plugin_manager,
)
from symbiote_core.registry import Contribution

GENERIC = Policy("generic", ("*",), (Rule(nn.Linear),))


class Special(nn.Linear):
    """A linear of a model's own."""


def _registry(*kernels: KernelSpec) -> Registry:
    registry = Registry()
    registry.add(Contribution(kernels=kernels))
    return registry


def _taken(registry: Registry, module: nn.Module) -> str | None:
    candidates = [Candidate(k, k.verdict(module)) for k in registry.kernels_for(type(module))]
    best = registry.choose("here", module, candidates)
    return None if best is None else best.kernel.name


def test_the_higher_priority_is_taken() -> None:
    registry = _registry(
        KernelSpec("low", nn.Linear, FakeLinear),
        KernelSpec("high", nn.Linear, FakeLinear, priority=1),
    )
    assert _taken(registry, nn.Linear(1, 1)) == "high"


def test_the_next_one_is_taken_if_the_best_refuses() -> None:
    registry = _registry(
        KernelSpec("low", nn.Linear, FakeLinear),
        KernelSpec("high", nn.Linear, FakeLinear, supports=lambda m: "too wide", priority=1),
    )
    assert _taken(registry, nn.Linear(1, 1)) == "low"


def test_the_exact_class_comes_before_a_base_class() -> None:
    registry = _registry(
        KernelSpec("base", nn.Linear, FakeLinear, subclasses=True, priority=9),
        KernelSpec("exact", Special, FakeLinear),
    )
    assert _taken(registry, Special(1, 1)) == "exact"
    assert _taken(registry, nn.Linear(1, 1)) == "base"


def test_subclasses_are_meant_only_if_it_says_so() -> None:
    registry = _registry(KernelSpec("plain", nn.Linear, FakeLinear))
    assert _taken(registry, Special(1, 1)) is None


def test_targets_given_as_text_are_compared_without_import() -> None:
    registry = _registry(
        KernelSpec("text", "torch.nn.modules.linear.Linear", FakeLinear, subclasses=True),
        KernelSpec("absent", "a_package_that_is_not_there.Layer", FakeLinear),
    )
    assert _taken(registry, Special(1, 1)) == "text"


def test_two_kernels_of_equal_rank_name_both_plugins_and_the_module() -> None:
    for plugin in ("one", "two"):
        kernel = KernelSpec(f"L{plugin}", nn.Linear, FakeLinear, priority=3)
        plugin_manager().register(Bringing(kernels=[kernel]), plugin)
    with pytest.raises(AmbiguousKernelError) as caught:
        plan(small_model(), GENERIC)
    assert str(caught.value) == (
        "Kernels 'Lone' (plugin 'one') and 'Ltwo' (plugin 'two') both replace Linear at '0' with "
        "priority 3. Give one a higher priority, name the kernel in the policy's rule, or block a "
        "plugin with SYMBIOTE_PLUGINS."
    )
    assert caught.value.plugins == ("one", "two")


def test_two_kernels_of_equal_rank_are_fine_if_one_refuses_or_the_rule_names_one() -> None:
    kernels = [
        KernelSpec("a", nn.Linear, FakeLinear),
        KernelSpec("b", nn.Linear, FakeLinear, supports=lambda m: "no"),
        KernelSpec("c", nn.ReLU, Relu),
        KernelSpec("d", nn.ReLU, Relu),
    ]
    plugin_manager().register(Bringing(kernels=kernels), "ours")
    policy = Policy("p", (), (Rule(nn.Linear), Rule(nn.ReLU, "d")))
    assert [r.kernel.name for r in plan(small_model(), policy).replacements] == ["a", "d", "a"]


def test_a_rule_that_names_an_unknown_kernel_lists_the_known() -> None:
    plugin_manager().register(Bringing(kernels=[KernelSpec("L", nn.Linear, FakeLinear)]), "ours")
    policy = Policy("p", (), (Rule(nn.Linear, "Lin"),))
    with pytest.raises(
        PolicyNotFoundError, match=r"kernel 'Lin' \(asked for by a policy rule\).*: L\."
    ):
        plan(small_model(), policy)


def test_the_first_rule_whose_kernel_supports_a_module_is_taken() -> None:
    choosy = KernelSpec("choosy", nn.Linear, FakeLinear, supports=_only_three)
    policy = Policy(
        "p",
        (),
        (Rule(nn.Linear, choosy), Rule(nn.Linear, KernelSpec("any", nn.Linear, FakeLinear))),
    )
    assert [r.kernel.name for r in plan(small_model(), policy).replacements] == ["any", "choosy"]


def _only_three(module: nn.Module) -> str | None:
    return None if getattr(module, "out_features", 0) == 3 else "not three"


def test_the_higher_policy_is_taken_and_notes_unknown_versions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "6.1.0.dev1")
    registry = plugin_manager().registry
    rule = Rule(nn.Linear, KernelSpec("L", nn.Linear, FakeLinear))
    low = Policy("low", ("small",), (rule,))
    high = Policy("high", ("small",), (rule,), versions=(("lib", (4, 57), (6, 0)),), priority=1)
    registry.add(Contribution(policies=(low, high)))
    model = small_model()
    model.config = SimpleNamespace(model_type="small")  # type: ignore[assignment]
    told = accelerate(model, "fake")
    assert told.policies[0][0] == "high"
    assert told.notes == (
        "policy 'high' knows lib 4.57 up to but without 6.0; 6.1.0.dev1 is installed",
    )
    assert "note: policy 'high' knows lib" in str(told)


@pytest.mark.parametrize(
    ("version", "known"),
    [("4.56.2", False), ("4.57.0", True), ("5.23.0rc1", True), ("5.99", True), ("6.0.0", False)],
)
def test_versions_known_to_a_policy(
    monkeypatch: pytest.MonkeyPatch, version: str, known: bool
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    policy = Policy("p", (), (), versions=(("lib", (4, 57), (6, 0)),))
    assert (not policy.version_notes()) == known


def test_a_library_that_is_not_installed_is_nothing_to_note() -> None:
    assert not Policy("p", (), (), versions=(("no-such-lib", (1,), (2,)),)).version_notes()


def test_records_of_a_class_need_no_gradient_to_compare() -> None:
    assert KernelSpec("L", nn.Linear, FakeLinear) == KernelSpec("L", nn.Linear, FakeLinear)
    assert torch.is_grad_enabled() is False
