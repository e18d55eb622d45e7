"""TORCH → HOST → DEVICE and back: each hook once, each step idempotent, parts included."""

from __future__ import annotations

import gc

import pytest
import torch
from core_kernels import Block, FakeBlock, FakeLinear, FreeingLinear, HandWritten
from fake_runtime import FakeDevice, FakeRuntime
from torch import nn

from symbiote_core import (
    DeviceNotSetError,
    LifecycleError,
    TTNNModule,
    WeightState,
    open_device,
    set_device,
)


def _layer() -> nn.Linear:
    return nn.Linear(4, 3).eval()


def test_each_step_calls_its_hook_once(device: FakeDevice) -> None:
    module = HandWritten.from_torch(_layer())
    set_device(module, device)
    for step, state in (
        ("preprocess_weights", WeightState.HOST),
        ("move_weights_to_device", WeightState.DEVICE),
        ("move_weights_to_host", WeightState.HOST),
        ("move_weights_to_device", WeightState.DEVICE),
        ("deallocate_weights", WeightState.TORCH),
    ):
        getattr(module, step)()
        getattr(module, step)()
        assert module.weight_state is state
    assert module.log == ["preprocess", "to_device", "to_host", "to_device", "deallocate"]


def test_moving_converts_first(device: FakeDevice) -> None:
    module = HandWritten.from_torch(_layer())
    set_device(module, device)
    module.move_weights_to_device()
    assert module.log == ["preprocess", "to_device"]


def test_the_defaults_move_and_free_what_preprocess_made(device: FakeDevice) -> None:
    module = FakeLinear.from_torch(_layer())
    set_device(module, device)
    module.preprocess_weights()
    assert device.live == 0
    module.move_weights_to_device()
    assert device.live == 2
    module.move_weights_to_host()
    assert device.live == 0
    assert module.tt_weight.device is None
    module.move_weights_to_device()
    module.deallocate_weights()
    assert device.live == 0
    assert not hasattr(module, "tt_weight")


def test_steps_back_do_nothing_before_there_are_weights() -> None:
    module = HandWritten.from_torch(_layer())
    module.move_weights_to_host()
    module.deallocate_weights()
    assert module.log == []
    assert module.weight_state is WeightState.TORCH


def test_weights_in_lists_and_dicts_move_too(device: FakeDevice, runtime: FakeRuntime) -> None:
    class Many(TTNNModule):
        def preprocess_weights_impl(self) -> None:
            self.slices = [runtime.ttnn.from_torch(row) for row in self.torch_layer.weight]
            self.by_name = {"bias": (runtime.ttnn.from_torch(self.torch_layer.bias), "text")}

    module = Many.from_torch(_layer())
    set_device(module, device)
    module.move_weights_to_device()
    assert device.live == 4
    assert module.by_name["bias"][1] == "text"
    module.deallocate_weights()
    assert device.live == 0


def test_parts_are_taken_along_also_in_lists(device: FakeDevice) -> None:
    module = FakeBlock.from_torch(Block().eval())
    set_device(module, device)
    assert [type(p) for p in module.ttnn_parts()] == [FakeLinear, FakeLinear]
    assert all(part.device is device for part in module.ttnn_parts())
    module.move_weights_to_device()
    assert {part.weight_state for part in module.ttnn_parts()} == {WeightState.DEVICE}
    assert device.live == 4
    module.move_weights_to_host()
    assert {part.weight_state for part in module.ttnn_parts()} == {WeightState.HOST}
    module.deallocate_weights()
    assert {part.weight_state for part in module.ttnn_parts()} == {WeightState.TORCH}
    assert device.live == 0


def test_parts_get_the_model_config() -> None:
    module = FakeBlock.from_torch(Block())
    assert module.model_config == {}
    module.set_model_config({"weight_dtype": "bfloat8_b"})
    assert [p.model_config for p in module.ttnn_parts()] == [{"weight_dtype": "bfloat8_b"}] * 2


def test_weights_are_freed_after_each_forward_and_not_converted_again(device: FakeDevice) -> None:
    module = FreeingLinear.from_torch(_layer())
    set_device(module, device)
    converted = []
    module.preprocess_weights_impl = _counted(module.preprocess_weights_impl, converted)  # type: ignore[method-assign]
    x = torch.ones(2, 4)
    first = module(x).to_torch
    for _ in range(2):
        result = module(x)
        assert module.weight_state is WeightState.HOST
        assert torch.equal(result.to_torch, first)
    del result
    gc.collect()
    assert device.live == 0
    assert len(converted) == 1


def _counted(function, calls):  # type: ignore[no-untyped-def]
    def counting():  # type: ignore[no-untyped-def]
        calls.append(1)
        return function()

    return counting


def test_another_device_drops_the_weights_of_the_first(device: FakeDevice) -> None:
    module = FakeLinear.from_torch(_layer())
    set_device(module, device)
    module.move_weights_to_device()
    set_device(module, device)
    assert module.weight_state is WeightState.DEVICE
    other = open_device("fake")
    set_device(module, other)
    assert (device.live, module.weight_state) == (0, WeightState.TORCH)
    module.move_weights_to_device()
    assert other.live == 2


def test_moving_before_there_is_a_device() -> None:
    with pytest.raises(DeviceNotSetError) as caught:
        FakeLinear.from_torch(_layer()).move_weights_to_device()
    assert str(caught.value) == (
        "FakeLinear at '' has no device yet. Call set_device(model, device) first, with a device "
        "from open_device('auto'), open_device('emulator') or ttnn.open_device(...)."
    )
    assert caught.value.kernel == "FakeLinear"


@pytest.mark.parametrize("wrong", [3, FakeLinear])
def test_a_fallback_layer_that_is_none(wrong: object) -> None:
    module = FakeLinear()
    value = wrong() if isinstance(wrong, type) else wrong
    with pytest.raises(LifecycleError) as caught:
        module._fallback_torch_layer = value
    assert str(caught.value) == (
        "FakeLinear._fallback_torch_layer must be the torch module that it replaces, got "
        f"{type(value).__name__}."
    )


def test_a_kernel_without_a_torch_layer_can_not_fall_back(device: FakeDevice) -> None:
    class Bare(TTNNModule):
        def forward(self, x: object) -> object:
            raise RuntimeError("fake.op: no")

    module = Bare().eval()
    set_device(module, device)
    with pytest.raises(
        LifecycleError,
        match=r"Bare has no torch layer\. Build it with Bare\.from_torch\(layer\), or set "
        r"_fallback_torch_layer in its from_torch\.",
    ):
        module(torch.ones(2, 4))
