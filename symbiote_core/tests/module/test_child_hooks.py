"""Who hooks a child of a replaced layer gets what the hook is for: the layer runs on torch."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import pytest
import torch
from core_kernels import Block, Bringing, FakeBlock, FakePlugin, Identity
from fake_runtime import FakeRuntime
from torch import nn

from symbiote_core import (
    FallbackWarning,
    PluginManager,
    Settings,
    accelerate,
    report,
    set_plugin_manager,
)

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])


def _model() -> nn.Sequential:
    model = nn.Sequential(Block()).eval()
    accelerate(model, "fake", {Block: FakeBlock})
    return model


def _forward_hook(child: nn.Module, calls: list[Any]) -> None:
    def watch(module: nn.Module, args: Any, output: Any) -> None:
        calls.append(output)

    child.register_forward_hook(watch)


def _pre_hook(child: nn.Module, calls: list[Any]) -> None:
    def watch(module: nn.Module, args: Any) -> None:
        calls.append(args)

    child.register_forward_pre_hook(watch)


def _patched(child: nn.Module, calls: list[Any]) -> None:
    # As transformers 4.57 records attentions: it replaces `forward` on the instance.
    original = child.forward

    def watch(x: Any) -> Any:
        calls.append(x)
        return original(x)

    child.forward = watch  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("hook", "named"),
    [
        (_forward_hook, "the forward hook"),
        (_pre_hook, "the forward pre-hook"),
        (_patched, "the replaced forward"),
    ],
)
def test_a_hooked_child_is_called(hook: Callable[..., None], named: str) -> None:
    model, calls = _model(), []
    hook(model[0].second, calls)
    expected = model[0].torch_layer(X)
    calls.clear()
    with pytest.warns(
        FallbackWarning, match=rf"\[hooked_child\]: {named} '.*watch' on its child 'second'"
    ):
        assert torch.equal(model(X), expected)
    assert len(calls) == 1


def test_a_hook_that_is_removed_gives_the_device_back() -> None:
    model = _model()
    handle = model[0].first.register_forward_hook(lambda *_: None)
    with pytest.warns(FallbackWarning):
        _ = [model(X) for _ in range(5)]
    handle.remove()
    model(X)
    assert [(m.calls, m.fallbacks) for m in report(model).modules] == [(1, 5)]


def test_a_forward_that_is_put_back_on_the_instance_is_no_patch() -> None:
    model = _model()
    child = model[0].first
    child.forward = types.MethodType(type(child).forward, child)
    model(X)
    assert report(model).fallback_count == 0


def test_a_hook_on_the_replaced_module_itself_does_not_matter() -> None:
    model, calls = _model(), []
    _forward_hook(model[0], calls)
    model(X)
    assert len(calls) == 1
    assert report(model).fallback_count == 0


def test_a_kernel_that_leaves_something_out_steps_back_for_a_hook_on_its_module() -> None:
    class LeavesOut(Identity):
        returns_everything = False

    model, calls = nn.Sequential(nn.Identity()).eval(), []
    accelerate(model, "fake", {nn.Identity: LeavesOut})
    model(X)
    assert report(model).fallback_count == 0
    _forward_hook(model[0], calls)
    with pytest.warns(FallbackWarning, match="watch' on it would miss what torch computes"):
        model(X)
    assert len(calls) == 1


class IdleHook:
    """A hook that some library leaves behind, asleep."""

    asleep = True

    def __call__(self, *args: Any) -> None:
        """Do nothing."""


def test_a_plugin_can_tell_that_a_hook_is_idle(runtime: FakeRuntime) -> None:
    manager = PluginManager(Settings(autoload=False))
    manager.register(FakePlugin(runtime), "fake")
    manager.register(Bringing(idle=[lambda hook: getattr(hook, "asleep", False)]), "idle")
    before = set_plugin_manager(manager)
    try:
        model = _model()
        hook = IdleHook()
        model[0].first.register_forward_hook(hook)
        model(X)
        assert report(model).fallback_count == 0
        hook.asleep = False
        with pytest.warns(FallbackWarning, match="hooked_child"):
            model(X)
    finally:
        set_plugin_manager(before)
