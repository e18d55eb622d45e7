"""Torch modules and the kernels that replace them, as an author would write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from fake_runtime import FakeRuntime, spec
from torch import nn

from symbiote_core import (
    LateBoundModule,
    RuntimeSpec,
    TTNNModule,
    UnsupportedInputError,
    deallocate_weights_after,
    hookimpl,
)

ttnn: Any = LateBoundModule("ttnn")


class FakePlugin:
    """The plugin that brings a fake runtime."""

    symbiote_api = "1"

    def __init__(self, runtime: FakeRuntime, **changes: Any) -> None:
        self.specs = [spec(runtime, **changes)]

    @hookimpl
    def symbiote_runtimes(self) -> Iterable[RuntimeSpec]:
        return self.specs


class Bringing:
    """A plugin that brings what it is given."""

    symbiote_api = "1"

    def __init__(self, kernels: Any = (), policies: Any = (), handlers: Any = (), idle: Any = ()):
        self.kernels, self.policies = kernels, policies
        self.handlers, self.idle = handlers, idle

    @hookimpl
    def symbiote_kernels(self) -> Any:
        return self.kernels

    @hookimpl
    def symbiote_policies(self) -> Any:
        return self.policies

    @hookimpl
    def symbiote_aten_handlers(self) -> Any:
        return self.handlers

    @hookimpl
    def symbiote_idle_hook_tests(self) -> Any:
        return self.idle


class FakeLinear(TTNNModule):
    """`nn.Linear`; everything but the conversion and the forward is the base class's."""

    def preprocess_weights_impl(self) -> None:
        layer = self.torch_layer
        self.tt_weight = ttnn.from_torch(layer.weight.t())
        self.tt_bias = None if layer.bias is None else ttnn.from_torch(layer.bias)

    def forward(self, x: Any) -> Any:
        return ttnn.linear(x, self.tt_weight, self.tt_bias)


class FreeingLinear(FakeLinear):
    """`FakeLinear` that frees the device copy of its weights after each call."""

    @deallocate_weights_after
    def forward(self, x: Any) -> Any:
        return ttnn.linear(x, self.tt_weight, self.tt_bias)


class HandWritten(TTNNModule):
    """A linear that writes all four hooks itself and lists the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []

    def preprocess_weights_impl(self) -> None:
        self.log.append("preprocess")
        self.tt_weight = ttnn.from_torch(self.torch_layer.weight.t())

    def move_weights_to_device_impl(self) -> None:
        self.log.append("to_device")
        self.tt_weight = ttnn.to_device(self.tt_weight, self.device)

    def move_weights_to_host_impl(self) -> None:
        self.log.append("to_host")
        self.tt_weight = self.tt_weight.cpu()

    def deallocate_weights_impl(self) -> None:
        self.log.append("deallocate")
        ttnn.deallocate(self.tt_weight)

    def forward(self, x: Any) -> Any:
        return ttnn.linear(x, self.tt_weight)


class Identity(TTNNModule):
    """Returns its input."""

    def forward(self, x: Any) -> Any:
        return x


class Relu(TTNNModule):
    """`nn.ReLU`."""

    def forward(self, x: Any) -> Any:
        return ttnn.relu(x)


class Failing(FakeLinear):
    """A linear whose forward always fails, like an operation that refuses its arguments."""

    def forward(self, x: Any) -> Any:
        raise RuntimeError("fake.linear: the last dimension must be a multiple of 32")


class Picky(FakeLinear):
    """Takes no batch of more than two."""

    def forward(self, x: Any) -> Any:
        if x.shape[0] > 2:
            raise UnsupportedInputError("batches of more than 2 are not taken")
        return ttnn.linear(x, self.tt_weight, self.tt_bias)


class WrongShape(FakeLinear):
    """Forgets the last output row."""

    def forward(self, x: Any) -> Any:
        return ttnn.select(ttnn.linear(x, self.tt_weight, self.tt_bias), 0, 0)


class EatsInput(FakeLinear):
    """Frees its input and fails then."""

    def forward(self, x: Any) -> Any:
        ttnn.deallocate(x)
        raise RuntimeError("fake.linear: no")


class FailsToConvert(FakeLinear):
    """Its weights can't be converted."""

    def preprocess_weights_impl(self) -> None:
        raise RuntimeError("fake.from_torch: no such dtype")


class FailsToBuild(FakeLinear):
    """Can't be built for layers with three outputs."""

    @classmethod
    def from_torch(cls, torch_layer: nn.Module) -> TTNNModule:
        if getattr(torch_layer, "out_features", 0) == 3:
            raise KeyError("three")
        return super().from_torch(torch_layer)


class Block(nn.Module):
    """A torch layer of two linears, as an MLP is."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.first = nn.Linear(width, 2 * width)
        self.second = nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


class FakeBlock(TTNNModule):
    """A coarse kernel made of parts."""

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNModule:
        new = cls()
        new._fallback_torch_layer = torch_layer
        new.first = FakeLinear.from_torch(torch_layer.first)
        new.rest = [FakeLinear.from_torch(torch_layer.second)]
        return new

    def forward(self, x: Any) -> Any:
        return self.rest[0](ttnn.relu(self.first(x)))


def small_model() -> nn.Sequential:
    """Two linears with a ReLU between; weights and results are exact in bfloat16."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    for parameter in model.parameters():
        parameter.data = torch.randint(-2, 3, parameter.shape).float()
    return model


def ones(*shape: int) -> torch.Tensor:
    """A tensor of ones."""
    return torch.ones(*shape)
