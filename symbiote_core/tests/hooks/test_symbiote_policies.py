"""Policies of a plugin are chosen by model type, or by name."""

from __future__ import annotations

from typing import Any

import pytest
from core_kernels import FakeLinear, small_model
from torch import nn

from symbiote_core import (
    KernelSpec,
    PluginError,
    Policy,
    PolicyNotFoundError,
    Rule,
    hookimpl,
    plan,
    plugin_manager,
)

RULES = (Rule(nn.Linear, KernelSpec("Mine", nn.Linear, FakeLinear)),)


class Plugin:
    symbiote_api = "1"

    def __init__(self, *policies: Policy) -> None:
        self.policies = policies

    @hookimpl
    def symbiote_policies(self) -> tuple[Policy, ...]:
        return self.policies


def _model(model_type: str) -> Any:
    model: Any = small_model()
    model.config = type("Config", (), {"model_type": model_type})()
    return model


def test_it_is_chosen_by_model_type() -> None:
    plugin_manager().register(Plugin(Policy("p", ("one", "two"), RULES)), "mine")
    for model_type in ("one", "two"):
        made = plan(_model(model_type))
        assert (made.policy, made.plugin) == ("p", "mine")
    with pytest.raises(PolicyNotFoundError, match="No policy for model type 'three'"):
        plan(_model("three"))


def test_a_generic_one_is_for_what_no_other_is_for() -> None:
    generic, special = Policy("g", ("*",), RULES, priority=9), Policy("s", ("one",), RULES)
    plugin_manager().register(Plugin(generic, special), "mine")
    assert plan(_model("one")).policy == "s"
    assert plan(_model("three")).policy == "g"
    assert plan(small_model()).policy == "g"


def test_it_is_chosen_by_name() -> None:
    plugin_manager().register(Plugin(Policy("p", (), RULES)), "mine")
    assert plan(small_model(), "p").policy == "p"


def test_a_name_is_taken_once() -> None:
    plugin_manager().register(Plugin(Policy("p", (), RULES)), "mine")
    with pytest.raises(PluginError, match="Plugins 'mine' and 'other' both bring a policy named"):
        plugin_manager().register(Plugin(Policy("p", (), RULES)), "other")
