"""What one plugin does, however odd, reaches no other plugin."""

from __future__ import annotations

from typing import Any

import pytest
from core_kernels import Bringing, FakeLinear
from torch import nn

from symbiote_core import (
    KernelSpec,
    PluginError,
    PluginManager,
    PluginState,
    Policy,
    Rule,
    Settings,
    hookimpl,
    plan,
    plugin_manager,
)


class Hostile:
    """Can't be hashed, compared, or described."""

    symbiote_api = "1"
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __repr__(self) -> str:
        return "hostile"


class Wrapping:
    """Wants to change what other plugins bring."""

    symbiote_api = "1"

    @hookimpl(wrapper=True)
    def symbiote_kernels(self) -> Any:
        yield
        return []


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("unspeakable")


class Raising:
    symbiote_api = "1"

    @hookimpl
    def symbiote_policies(self) -> Any:
        raise Unspeakable


class Twice:
    """Implements one hook in two functions."""

    symbiote_api = "1"

    @hookimpl(specname="symbiote_kernels")
    def first(self) -> list[KernelSpec]:
        return [KernelSpec("One", nn.Linear, FakeLinear)]

    @hookimpl(specname="symbiote_kernels")
    def second(self) -> list[KernelSpec]:
        return [KernelSpec("Two", nn.ReLU, FakeLinear)]


def _manager() -> PluginManager:
    return PluginManager(Settings(autoload=False))


def test_a_hostile_object_stops_no_other_plugin() -> None:
    manager = _manager()
    manager.register(Hostile(), "hostile")
    kernels = [KernelSpec("Mine", nn.Linear, FakeLinear)]
    assert manager.register(Bringing(kernels=kernels), "mine").state is PluginState.ACTIVE


def test_a_plugin_cannot_wrap_the_hooks_of_others() -> None:
    with pytest.raises(PluginError, match=r"symbiote_kernels of plugin 'wrap' is a hook wrapper"):
        _manager().register(Wrapping(), "wrap")


def test_what_two_functions_bring_for_one_hook_is_all_there() -> None:
    manager = _manager()
    manager.register(Twice(), "twice")
    assert set(manager.registry.kernels) == {"One", "Two"}


def test_an_exception_that_cannot_be_printed() -> None:
    manager = _manager()
    with pytest.raises(PluginError) as caught:
        manager.register(Raising(), "raising")
    assert str(caught.value) == (
        "Plugin 'raising' failed at contribute: Unspeakable: (its text can't be had: RuntimeError) "
        "(in its symbiote_policies)"
    )


def test_a_policy_cannot_bring_kernels_in_the_name_of_another_plugin() -> None:
    stolen = KernelSpec("TTNNLinear", nn.Linear, FakeLinear, plugin="ttnn")
    plugin_manager().register(Bringing(policies=[Policy("p", (), (Rule(nn.Linear, stolen),))]), "x")
    made = plan(nn.Sequential(nn.Linear(2, 2)), "p")
    assert made.replacements[0].kernel.plugin == "x"


def test_a_name_that_another_plugin_has_is_refused() -> None:
    manager = _manager()
    manager.register(Bringing(kernels=[KernelSpec("K", nn.Linear, FakeLinear)]), "first")
    with pytest.raises(PluginError, match="both bring a kernel named 'K'"):
        manager.register(Bringing(kernels=[KernelSpec("K", nn.ReLU, FakeLinear)]), "second")
    assert manager.registry.kernels["K"].plugin == "first"


def test_going_before_the_kernel_of_another_plugin_is_told() -> None:
    ours = KernelSpec("Ours", nn.Linear, FakeLinear)
    theirs = KernelSpec("Theirs", nn.Linear, FakeLinear, priority=5)
    plugin_manager().register(Bringing(kernels=[ours]), "ours")
    any_kernel = Policy("any", (), (Rule(nn.Linear),))
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    assert plan(model, any_kernel).notes == ()
    plugin_manager().register(Bringing(kernels=[theirs]), "theirs")
    assert plan(model, any_kernel).notes == (
        "for Linear, Theirs (theirs, priority 5) goes before Ours (ours, priority 0)",
    )


def test_taking_the_place_of_another_plugins_policy_is_told() -> None:
    rules = (Rule(nn.Linear, KernelSpec("K", nn.Linear, FakeLinear)),)
    model: Any = nn.Sequential(nn.Linear(2, 2))
    model.config = type("Config", (), {"model_type": "one"})()
    plugin_manager().register(Bringing(policies=[Policy("a", ("one",), rules)]), "ours")
    assert plan(model).notes == ()
    rival = Policy("b", ("one",), rules, priority=1)
    plugin_manager().register(Bringing(policies=[rival]), "theirs")
    assert plan(model).notes == (
        "for model type 'one', policy b (theirs, priority 1) goes before a (ours, priority 0)",
    )
    assert plan(model, "a").notes == ()
