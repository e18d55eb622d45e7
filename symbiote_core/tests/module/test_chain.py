"""Swapped modules in a row, and kernels that only call the swapped modules in their layer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from core_kernels import Block, FakeBlock, FakeLinear, FreeingLinear, Picky, ttnn
from fake_runtime import FakeDevice
from torch import nn

from symbiote_core import (
    FallbackWarning,
    KernelSpec,
    Policy,
    Rule,
    TorchTTNNTensor,
    TTNNExecutionError,
    TTNNModule,
    accelerate,
    are_ready,
    open_device,
    plan,
    report,
    reset_fallbacks,
    restore,
    set_run_mode,
    through,
)

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])


class Stack(nn.Module):
    """Layers one after the other, as a model's encoder is."""

    def __init__(self, count: int = 3) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(count)])
        self.torch_calls = 0

    def forward(self, x: torch.Tensor, scale: float | None = None) -> torch.Tensor:
        self.torch_calls += 1
        for layer in self.layers:
            x = layer(x)
        return x if scale is None else x * scale


class FakeStack(TTNNModule):
    """The way through the layers."""

    covers_children = False

    def forward(self, x: Any, scale: float | None = None) -> Any:
        if scale is not None:
            return NotImplemented
        return through(self.torch_layer.layers, x)


def policy(linear: type[TTNNModule] = FakeLinear) -> Policy:
    stack = KernelSpec("FakeStack", Stack, FakeStack, plugin="test")
    fine = KernelSpec(linear.__name__, nn.Linear, linear, plugin="test")
    return Policy("stack", (), (Rule(Stack, stack), Rule(nn.Linear, fine)), plugin="test")


def build(linear: type[TTNNModule] = FakeLinear, **options: Any) -> tuple[Any, torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(Stack()).eval()
    for parameter in model.parameters():
        parameter.data = torch.randint(-2, 3, parameter.shape).float()
    expected = model(X)
    model[0].torch_calls = 0
    accelerate(model, "fake", policy(linear), **options)
    return model, expected


def on_device() -> TorchTTNNTensor:
    """The input where a row can begin with it."""
    x = TorchTTNNTensor(X, device=open_device("fake"))
    assert x.to_ttnn is not None
    return x


@pytest.fixture
def wraps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lists the places that wrap a device tensor, call by call."""
    from symbiote_core.module import chain, modes

    seen: list[str] = []
    for module, name in ((chain, "row"), (modes, "module")):
        original: Callable[..., Any] = vars(module)["wrap"]

        def wrap(*args: Any, original: Any = original, name: str = name, **named: Any) -> Any:
            seen.append(name)
            return original(*args, **named)

        monkeypatch.setattr(module, "wrap", wrap)
    return seen


def test_a_row_gives_what_torch_gives_and_wraps_once(wraps: list[str]) -> None:
    model, expected = build()
    x = on_device()
    assert torch.equal(model(x), expected)
    assert wraps == ["module"] * 3  # a shape that is new is checked module by module
    wraps.clear()
    assert torch.equal(model(x), expected)
    assert wraps == ["row"]
    told = report(model)
    assert [m.calls for m in told.modules if m.kernel == "FakeLinear"] == [2, 2, 2]
    assert told.fallbacks == ()
    assert model[0].torch_layer.torch_calls == 0


def test_a_host_tensor_starts_with_a_call_of_its_own() -> None:
    model, expected = build()
    for _ in range(3):
        assert torch.equal(model(X), expected)


def test_the_plan_lists_the_row_and_what_is_in_it() -> None:
    model = nn.Sequential(Stack()).eval()
    todo = plan(model, policy())
    assert [(r.path, r.parameters) for r in todo.replacements] == [
        ("0", 0),
        ("0.layers.0", 20),
        ("0.layers.1", 20),
        ("0.layers.2", 20),
    ]
    accelerate(model, "fake", policy())
    again = plan(model, policy())
    assert again.replacements == ()
    assert again.swapped == ("0", "0.layers.0", "0.layers.1", "0.layers.2")


def test_restore_gives_back_the_same_modules() -> None:
    model = nn.Sequential(Stack()).eval()
    modules, names = list(model.modules()), list(model.state_dict())
    accelerate(model, "fake", policy())
    assert list(model.state_dict()) == names
    restore(model)
    assert all(a is b for a, b in zip(model.modules(), modules, strict=True))


def test_excluding_one_of_them_leaves_the_others_swapped() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(Stack()).eval()
    expected = model(X)
    accelerate(model, "fake", policy(), exclude="0.layers.1")
    assert type(model[0].layers[1]) is nn.Linear
    assert type(model[0].layers[2]) is FakeLinear
    for _ in range(2):
        assert torch.allclose(model(X), expected, atol=0.1)


def test_what_the_row_does_not_give_comes_from_torchs_forward_over_the_same_modules() -> None:
    model, expected = build()
    stack = model[0]
    assert torch.equal(stack(X, scale=2.0), expected * 2)
    told = report(model)
    assert [m.calls for m in told.modules if m.kernel == "FakeLinear"] == [1, 1, 1]
    assert told.fallbacks == ()


def _hook(layer: Any, seen: list[Any]) -> None:
    layer.register_forward_hook(lambda module, args, out: seen.append(out))


def _pre_hook(layer: Any, seen: list[Any]) -> None:
    layer.register_forward_pre_hook(lambda module, args: seen.append(args[0]))


def _patch(layer: Any, seen: list[Any]) -> None:
    original = layer.forward

    def watch(x: Any) -> Any:
        seen.append(x)
        return original(x)

    layer.forward = watch


@pytest.mark.parametrize("watch", [_hook, _pre_hook, _patch])
def test_who_watches_a_module_of_the_row_sees_its_calls(watch: Any) -> None:
    model, expected = build()
    model(on_device()), model(on_device())
    seen: list[Any] = []
    watch(model[0].layers[1], seen)
    assert torch.equal(model(on_device()), expected)
    assert len(seen) == 1
    assert isinstance(seen[0], torch.Tensor)


def test_who_watches_a_child_of_a_module_of_the_row_sees_its_calls() -> None:
    stack = Stack()
    stack.layers = nn.ModuleList([Block(), Block()])
    model = nn.Sequential(stack).eval()
    expected = model(X)
    rules = policy().rules[0], Rule(Block, KernelSpec("FakeBlock", Block, FakeBlock, plugin="test"))
    accelerate(model, "fake", Policy("stack", (), rules, plugin="test"))
    model(on_device()), model(on_device())
    seen: list[Any] = []
    _hook(stack.layers[1].torch_layer.second, seen)
    with pytest.warns(FallbackWarning, match="hooked_child"):
        out = model(on_device())
    assert torch.allclose(out, expected, atol=0.05)
    assert len(seen) == 1


def _write(block: Any) -> None:
    with torch.no_grad():
        block.second.bias += 1


def _replace(block: Any) -> None:
    block.first.weight = nn.Parameter(torch.ones(4, 4))


@pytest.mark.parametrize(
    "change",
    [
        lambda block: block.torch_layer.second.register_forward_hook(lambda *_: None),
        lambda block: block.torch_layer.first.register_forward_pre_hook(lambda *_: None),
        lambda block: setattr(block.torch_layer.first, "forward", torch.relu),
        lambda block: block.register_forward_hook(lambda *_: None),
        lambda block: setattr(block, "forward", torch.relu),
        lambda block: block.train(),
        lambda block: block.move_weights_to_host(),
        lambda block: set_run_mode(block, "timed"),
        lambda block: setattr(block, "frees_weights_after", True),
        _write,
        _replace,
    ],
)
def test_a_module_is_not_ready_once_a_call_would_do_more_than_its_forward(change: Any) -> None:
    blocks = nn.Sequential(Block(), Block()).eval()
    rule = Rule(Block, KernelSpec("FakeBlock", Block, FakeBlock, plugin="test"))
    accelerate(blocks, "fake", Policy("blocks", (), (rule,), plugin="test"))
    for _ in range(2):
        assert are_ready(blocks)
    change(blocks[1])
    for _ in range(2):
        assert not are_ready(blocks)
        assert are_ready(blocks[:1])


def test_modules_are_ready_again_when_the_last_hook_is_gone() -> None:
    block = nn.Sequential(Block()).eval()
    rule = Rule(Block, KernelSpec("FakeBlock", Block, FakeBlock, plugin="test"))
    accelerate(block, "fake", Policy("blocks", (), (rule,), plugin="test"))
    first = block[0].torch_layer.first.register_forward_hook(lambda *_: None)
    assert not are_ready(block)
    second = block[0].torch_layer.first.register_forward_hook(lambda *_: None)
    first.remove()
    assert not are_ready(block)
    second.remove()
    assert are_ready(block)
    assert not are_ready([nn.Linear(4, 4)])


def test_run_modes_see_every_module() -> None:
    model, expected = build()
    model(on_device())
    set_run_mode(model, "compare")
    model(on_device())
    told = {m.kernel: m.pcc for m in report(model).modules}
    assert told["FakeLinear"] == 1.0
    set_run_mode(model, "normal")
    assert torch.equal(model(on_device()), expected)


def test_changed_weights_are_converted_again() -> None:
    model, expected = build()
    model(on_device()), model(on_device())
    with torch.no_grad():
        model[0].layers[2].bias += 1
    assert torch.equal(model(on_device()), expected + 1)


def test_weights_that_are_freed_after_each_call_come_back() -> None:
    model, expected = build(FreeingLinear)
    for _ in range(3):
        assert torch.equal(model(on_device()), expected)


def test_training_runs_on_torch() -> None:
    model, expected = build()
    model(X)
    model.train()
    with torch.enable_grad():
        with pytest.warns(FallbackWarning, match="training mode"):
            out = model(X)
        out.sum().backward()
    assert torch.equal(out, expected)
    assert model[0].layers[0].weight.grad is not None


def test_a_failure_is_answered_by_the_module_that_failed(device: FakeDevice) -> None:
    model, _ = build(Picky)
    rows = X.repeat(3, 1)
    with pytest.warns(FallbackWarning, match=r"Picky .* at '0\.layers\.0'"):
        out = model(rows)
    layers = [layer.torch_layer for layer in model[0].torch_layer.layers]
    want = layers[2](layers[1](layers[0](rows)))
    assert torch.equal(out, want)
    assert report(model).fallback_count == 3
    strict, _ = build(Picky, strict=True)
    with pytest.raises(TTNNExecutionError, match=r"0\.layers\.0"):
        strict(rows)


def test_a_failure_in_a_row_that_was_ready_is_answered_by_its_module() -> None:
    class Moody(FakeLinear):
        """Fails when it is told to."""

        bad = False

        def forward(self, x: Any) -> Any:
            if Moody.bad:
                raise RuntimeError("fake.linear: not now")
            return ttnn.linear(x, self.tt_weight, self.tt_bias)

    model, expected = build(Moody)
    model(on_device()), model(on_device())
    Moody.bad = True
    with pytest.warns(FallbackWarning, match=r"Moody .*: not now"):
        assert torch.equal(model(on_device()), expected)
    Moody.bad = False
    reset_fallbacks(model)
    assert torch.equal(model(on_device()), expected)
    assert report(model).fallbacks == ()


def test_a_copy_goes_its_own_way() -> None:
    model, expected = build()
    model(on_device()), model(on_device())
    copied = copy.deepcopy(model)
    assert torch.equal(copied(on_device()), expected)
    assert copied[0].torch_layer.layers[0] is not model[0].torch_layer.layers[0]
    with torch.no_grad():
        copied[0].layers[0].weight.zero_()
    assert torch.equal(model(on_device()), expected)


def test_an_empty_row_returns_its_input() -> None:
    assert through((), X) is X


class Impatient(FakeStack):
    """Calls device code itself, and gives the call up where that fails."""

    fails = True

    def forward(self, x: Any, scale: float | None = None) -> Any:
        try:
            if self.fails:
                raise RuntimeError("no patience")
        except RuntimeError as error:
            return self.give_up(error, x)
        return through(self.torch_layer.layers, x)


def impatient(**options: Any) -> tuple[Any, torch.Tensor]:
    model, expected = build()
    restore(model)
    stack = KernelSpec("Impatient", Stack, Impatient, plugin="test")
    fine = KernelSpec("FakeLinear", nn.Linear, FakeLinear, plugin="test")
    rules = (Rule(Stack, stack), Rule(nn.Linear, fine))
    accelerate(model, "fake", Policy("stack", (), rules, plugin="test"), **options)
    return model, expected


def test_a_call_that_is_given_up_runs_over_the_swapped_children_visibly() -> None:
    model, expected = impatient()
    with pytest.warns(FallbackWarning, match=r"Impatient \(plugin test\) at '0'.*no patience"):
        assert torch.equal(model(X), expected)
    counts = [(m.kernel, m.calls, m.fallbacks) for m in report(model).modules]
    assert counts == [("Impatient", 0, 1), *[("FakeLinear", 1, 0)] * 3]
    model[0].fails = False
    assert torch.equal(model(X), expected)
    assert report(model).fallback_count == 1


def test_a_call_that_is_given_up_raises_if_strict() -> None:
    model, _ = impatient(strict=True)
    with pytest.raises(TTNNExecutionError, match="no patience") as raised:
        model(X)
    assert raised.value.event.shapes == ((1, 4),)
    assert model[0].torch_calls == 0


def test_a_kernel_that_gives_up_three_times_stays_on_torch() -> None:
    model, expected = impatient()
    with pytest.warns(FallbackWarning):
        model(X)
    model(X)
    model(X)
    model[0].fails = False
    assert torch.equal(model(X), expected)
    assert report(model).modules[0].calls == 0
    reset_fallbacks(model)
    assert torch.equal(model(X), expected)
    assert report(model).modules[0].calls == 1
