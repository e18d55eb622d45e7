"""Random orders of the four steps, forwards and weight edits keep the invariants."""

from __future__ import annotations

import gc

import torch
from core_kernels import FakeLinear, HandWritten
from fake_runtime import FakeDevice, FakeRuntime
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from torch import nn

from symbiote_core import WeightState


class Lifecycle(RuleBasedStateMachine):
    """A part that writes its own hooks beside a kernel that relies on the defaults."""

    def __init__(self) -> None:
        super().__init__()
        self.runtime, self.device = FakeRuntime(), FakeDevice()
        self.layers = [nn.Linear(4, 3, bias=False).eval() for _ in range(2)]
        for layer in self.layers:
            layer.weight.data = torch.randint(-3, 4, layer.weight.shape).float()
        self.plain = FakeLinear.from_torch(self.layers[0])
        self.hand = HandWritten.from_torch(self.layers[1])
        self.modules = (self.plain, self.hand)
        for module in self.modules:
            module.set_device(self.device, self.runtime)
        self.state = WeightState.TORCH
        self.stale = False
        self.expected: list[str] = []

    def _convert(self) -> None:
        if self.state is WeightState.TORCH:
            self.expected.append("preprocess")
            self.state = WeightState.HOST
            self.stale = False

    def _move(self) -> None:
        self._convert()
        if self.state is WeightState.HOST:
            self.expected.append("to_device")
            self.state = WeightState.DEVICE

    def _free(self) -> None:
        if self.state is WeightState.DEVICE:
            self.expected.append("deallocate")
        self.state = WeightState.TORCH

    @rule()
    def preprocess(self) -> None:
        for module in self.modules:
            module.preprocess_weights()
        self._convert()

    @rule()
    def to_device(self) -> None:
        for module in self.modules:
            module.move_weights_to_device()
        self._move()

    @rule()
    def to_host(self) -> None:
        for module in self.modules:
            module.move_weights_to_host()
        if self.state is WeightState.DEVICE:
            self.expected.append("to_host")
            self.state = WeightState.HOST

    @rule()
    def deallocate(self) -> None:
        for module in self.modules:
            module.deallocate_weights()
        self._free()

    @rule()
    def edit(self) -> None:
        with torch.no_grad():
            for layer in self.layers:
                layer.weight.neg_()
        self.stale = True

    @rule()
    def forward(self) -> None:
        x = torch.tensor([[1.0, 2.0, -1.0, 0.0]])
        with torch.no_grad():
            for module, layer in zip(self.modules, self.layers, strict=True):
                assert torch.equal(module(x).to_torch, layer(x))
        if self.stale:
            self._free()
        self._move()

    @invariant()
    def states_and_hook_calls_are_as_expected(self) -> None:
        assert [m.weight_state for m in self.modules] == [self.state] * 2
        assert self.hand.log == self.expected

    @invariant()
    def the_device_holds_the_weights_and_nothing_else(self) -> None:
        gc.collect(0)
        assert self.device.live == (2 if self.state is WeightState.DEVICE else 0)


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
