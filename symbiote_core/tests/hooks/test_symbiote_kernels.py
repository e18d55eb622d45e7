"""Kernels of a plugin are candidates for the modules that they replace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from core_kernels import FakeLinear, small_model
from torch import nn

from symbiote_core import (
    KernelSpec,
    PluginError,
    Policy,
    Rule,
    accelerate,
    hookimpl,
    plan,
    plugin_manager,
)


class Plugin:
    symbiote_api = "1"

    def __init__(self, *kernels: KernelSpec) -> None:
        self.kernels = kernels

    @hookimpl
    def symbiote_kernels(self) -> Iterator[KernelSpec]:
        yield from self.kernels


LINEAR = KernelSpec("Mine", nn.Linear, FakeLinear)
POLICY = Policy("linear", (), (Rule(nn.Linear),))


def test_a_policy_finds_it() -> None:
    plugin_manager().register(Plugin(LINEAR), "mine")
    model = small_model()
    x = torch.ones(1, 4)
    expected = model(x)
    told = accelerate(model, "fake", POLICY, strict=True)
    assert [(m.kernel, m.plugin) for m in told.modules] == [("FakeLinear", "mine")] * 2
    assert torch.equal(model(x), expected)


def test_it_bears_the_name_of_its_plugin_whatever_it_says() -> None:
    plugin_manager().register(Plugin(KernelSpec("Mine", nn.Linear, FakeLinear, plugin="x")), "mine")
    assert plan(small_model(), POLICY).replacements[0].kernel.plugin == "mine"


def test_a_class_and_a_kernel_given_as_text_are_not_imported_at_loading() -> None:
    late = KernelSpec("Late", "nowhere.Module", "nowhere:Kernel")
    plugin_manager().register(Plugin(late, LINEAR), "mine")
    assert [r.kernel.name for r in plan(small_model(), POLICY).replacements] == ["Mine", "Mine"]


def test_a_name_is_taken_once() -> None:
    plugin_manager().register(Plugin(LINEAR), "mine")
    with pytest.raises(PluginError, match="Plugins 'mine' and 'other' both bring a kernel named"):
        plugin_manager().register(Plugin(LINEAR), "other")


def test_a_higher_priority_goes_first() -> None:
    preferred = KernelSpec("Preferred", nn.Linear, FakeLinear, priority=1)
    plugin_manager().register(Plugin(LINEAR, preferred), "mine")
    assert plan(small_model(), POLICY).replacements[0].kernel.name == "Preferred"
