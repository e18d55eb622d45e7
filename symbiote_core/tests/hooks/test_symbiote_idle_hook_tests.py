"""A plugin tells that a forward hook is idle, so that a layer need not run on torch for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from core_kernels import Block, FakeBlock
from torch import nn

from symbiote_core import FallbackWarning, accelerate, hookimpl, plugin_manager, report


class Recorder:
    on = False

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        if self.on:
            self.seen.append(output)


class Plugin:
    symbiote_api = "1"

    @hookimpl
    def symbiote_idle_hook_tests(self) -> list[Callable[[object], bool]]:
        return [lambda hook: isinstance(hook, Recorder) and not hook.on]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def model(recorder: Recorder) -> nn.Module:
    made = nn.Sequential(Block()).eval()
    made[0].first.register_forward_hook(recorder)
    accelerate(made, "fake", {Block: FakeBlock})
    return made


def test_an_idle_hook_is_passed_over(model: nn.Module, recorder: Recorder) -> None:
    plugin_manager().register(Plugin(), "mine")
    model(torch.ones(1, 4))
    assert report(model).fallback_count == 0


def test_a_busy_one_sees_what_it_is_for(model: nn.Module, recorder: Recorder) -> None:
    plugin_manager().register(Plugin(), "mine")
    recorder.on = True
    with pytest.warns(FallbackWarning, match="Recorder"):
        model(torch.ones(1, 4))
    assert len(recorder.seen) == 1


def test_without_the_plugin_every_hook_counts(model: nn.Module) -> None:
    with pytest.warns(FallbackWarning, match="on its child 'first'"):
        model(torch.ones(1, 4))
