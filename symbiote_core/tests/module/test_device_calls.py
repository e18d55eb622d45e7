"""Calls with device tensors alone: nothing around ``forward``, and nothing lost by that."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from core_kernels import Block, FakeBlock, FakeLinear, FreeingLinear
from fake_runtime import FakeDevice, FakeRuntime
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from symbiote_core import TTNNModule, WeightState, report, set_device, set_run_mode
from symbiote_core.swap import register_module_replacement_dict

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])


def swapped(kernel: type[TTNNModule], device: FakeDevice) -> tuple[nn.Module, Any, torch.Tensor]:
    """A model with one linear, what replaced it, and what torch returns."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3)).eval()
    for parameter in model.parameters():
        parameter.data = torch.randint(-2, 3, parameter.shape).float()
    expected = model(X)
    replaced = register_module_replacement_dict(model, {nn.Linear: kernel})["0"]
    set_device(model, device)
    replaced.move_weights_to_device()
    return model, replaced, expected


def answer(module: Any, device: FakeDevice, runtime: FakeRuntime) -> torch.Tensor:
    """What the module returns for a device tensor, as a torch tensor."""
    out = module(runtime.from_torch(X, device))
    assert runtime.is_tensor(out)
    return runtime.to_torch(out)


def test_a_device_tensor_comes_back_as_one(device: FakeDevice, runtime: FakeRuntime) -> None:
    _, module, expected = swapped(FakeLinear, device)
    assert torch.equal(answer(module, device, runtime), expected)


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_are_called(device: FakeDevice, runtime: FakeRuntime, register: str) -> None:
    _, module, _ = swapped(FakeLinear, device)
    seen: list[Any] = []
    getattr(module, register)(lambda found, *_: seen.append(found))
    answer(module, device, runtime)
    assert seen == [module]


@pytest.mark.parametrize(
    "register", [register_module_forward_hook, register_module_forward_pre_hook]
)
def test_hooks_on_all_modules_are_called(
    device: FakeDevice, runtime: FakeRuntime, register: Any
) -> None:
    _, module, _ = swapped(FakeLinear, device)
    seen: list[Any] = []
    handle = register(lambda found, *_: seen.append(found))
    try:
        answer(module, device, runtime)
    finally:
        handle.remove()
    assert seen == [module]


def test_the_run_mode_sees_the_call(device: FakeDevice, runtime: FakeRuntime) -> None:
    model, module, _ = swapped(FakeLinear, device)
    set_run_mode(model, "timed")
    answer(module, device, runtime)
    assert report(model).modules[0].seconds > 0


def test_weights_that_were_written_to_are_converted_again(
    device: FakeDevice, runtime: FakeRuntime
) -> None:
    _, module, expected = swapped(FakeLinear, device)
    answer(module, device, runtime)
    with torch.no_grad():
        module.torch_layer.bias.add_(1)
    assert torch.equal(answer(module, device, runtime), expected + 1)
    module.torch_layer.bias = nn.Parameter(torch.zeros_like(module.bias))
    want = nn.functional.linear(X, module.weight)
    assert torch.equal(answer(module, device, runtime), want)


def test_weights_without_a_counter_are_converted_again_when_they_are_loaded(
    device: FakeDevice, runtime: FakeRuntime
) -> None:
    with torch.inference_mode():
        _, module, _ = swapped(FakeLinear, device)
        answer(module, device, runtime)
        module.load_state_dict({k: v + 1 for k, v in module.state_dict().items()})
        want = nn.functional.linear(X, module.weight, module.bias)
        assert torch.equal(answer(module, device, runtime), want)


def test_weights_that_a_kernel_frees_are_freed(device: FakeDevice, runtime: FakeRuntime) -> None:
    _, module, expected = swapped(FreeingLinear, device)
    for _ in range(2):
        assert torch.equal(answer(module, device, runtime), expected)
        assert module.weight_state is not WeightState.DEVICE


def test_a_part_that_frees_its_weights_gets_them_back(
    device: FakeDevice, runtime: FakeRuntime
) -> None:
    class FreeingBlock(FakeBlock):
        """A kernel one of whose parts frees its weights."""

        @classmethod
        def from_torch(cls, torch_layer: Any) -> TTNNModule:
            new = super().from_torch(torch_layer)
            new.first = FreeingLinear.from_torch(torch_layer.first)
            return new

        def forward(self, x: Any) -> Any:
            return FakeBlock.written(self, x)

    model = nn.Sequential(Block()).eval()
    expected = model(X)
    register_module_replacement_dict(model, {Block: FreeingBlock})
    set_device(model, device)
    for _ in range(3):
        assert torch.allclose(model(X), expected, atol=0.05)
        assert model[0].first.weight_state is not WeightState.DEVICE
    assert report(model).fallbacks == ()
