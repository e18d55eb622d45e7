"""The check of a kernel's output shape: once per input shape, without values or side effects."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from core_kernels import FakeLinear, Identity, Relu, small_model, ttnn
from fake_runtime import FakeDevice
from torch import nn

from symbiote_core import FallbackWarning, TTNNModule, accelerate, set_device
from symbiote_core.module import shapes


def _strict(kernel: type[TTNNModule], layer: nn.Module, device: FakeDevice) -> TTNNModule:
    module = kernel.from_torch(layer.eval())
    module._symbiote.strict = True
    set_device(module, device)
    return module


def test_a_shape_is_checked_once(device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    real = shapes.expected_shapes

    def counting(*args: Any) -> Any:
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(shapes, "expected_shapes", counting)
    module = _strict(FakeLinear, nn.Linear(4, 3), device)
    for rows in (1, 2, 1, 2, 2):
        module(torch.ones(rows, 4))
    assert len(calls) == 2


def test_what_is_remembered_does_not_grow(device: FakeDevice) -> None:
    module = _strict(Identity, nn.Identity(), device)
    for rows in range(1, 3 * shapes.MAX_SHAPES):
        module(torch.ones(rows, 1))
    assert len(module._symbiote.checked_shapes) <= shapes.MAX_SHAPES


def test_hooks_are_not_called_with_tensors_that_have_no_values() -> None:
    model, devices = small_model(), []
    model[0].register_forward_hook(lambda m, a, out: devices.append(out.device.type))
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    model(torch.ones(1, 4))
    model(torch.ones(2, 4))
    assert devices == ["cpu", "cpu"]


def test_a_layer_that_does_not_run_on_meta_is_not_checked(device: FakeDevice) -> None:
    class NeedsValues(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if float(x.sum()) else x[0]

    assert torch.equal(
        _strict(Relu, NeedsValues(), device)(torch.ones(1, 4)).to_torch, torch.ones(1, 4)
    )


def test_a_layer_with_state_is_not_changed_by_the_check(device: FakeDevice) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen.add_(1)
            return x

    layer = Counting()
    seen = layer.seen
    _strict(Identity, layer, device)(torch.ones(1, 4))
    assert layer.seen is seen
    assert float(seen) == 0


def test_a_cache_argument_is_left_alone(device: FakeDevice) -> None:
    class Cache:
        updates = 0

    class Attention(nn.Module):
        def forward(self, x: torch.Tensor, cache: Cache) -> torch.Tensor:
            cache.updates += 1
            return x

    class FakeAttention(TTNNModule):
        def forward(self, x: Any, cache: Cache) -> Any:
            cache.updates += 1
            return x

    cache = Cache()
    _strict(FakeAttention, Attention(), device)(torch.ones(1, 4), cache)
    assert cache.updates == 1


def test_a_kernel_may_leave_out_what_comes_after_its_result(device: FakeDevice) -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x, x[0]

    class One(TTNNModule):
        def forward(self, x: Any) -> Any:
            return x, None

    out = _strict(One, Two(), device)(torch.ones(2, 4))
    assert out[1] is None


def test_a_kernel_that_returns_no_tensor_is_wrong() -> None:
    class Nothing(FakeLinear):
        def forward(self, x: Any) -> Any:
            return None

    model = small_model()
    expected = model(torch.ones(1, 4))
    accelerate(model, "fake", {nn.Linear: Nothing}, include="0")
    with pytest.warns(
        FallbackWarning, match=r"returned no tensor, the torch layer returns \[1, 8\]"
    ):
        assert torch.equal(model(torch.ones(1, 4)), expected)


def test_a_shape_that_goes_wrong_later_is_seen() -> None:
    class Sometimes(FakeLinear):
        def forward(self, x: Any) -> Any:
            out = ttnn.linear(x, self.tt_weight, self.tt_bias)
            return out if x.shape[0] == 1 else ttnn.select(out, 0, 0)

    model = small_model()
    expected = model(torch.ones(2, 4))
    accelerate(model, "fake", {nn.Linear: Sometimes}, include="0")
    model(torch.ones(1, 4))
    with pytest.warns(FallbackWarning, match="Sometimes.forward returned"):
        assert torch.equal(model(torch.ones(2, 4)), expected)
