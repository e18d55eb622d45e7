"""What a call of a swapped module does when all goes well, and the opt-in run modes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from core_kernels import FakeLinear, Identity, Relu, small_model, ttnn
from fake_runtime import FakeDevice, FakeRuntime, FakeTensor
from torch import nn

from symbiote_core import (
    DeviceNotSetError,
    FallbackWarning,
    TorchTTNNTensor,
    TTNNModule,
    WeightState,
    accelerate,
    active_runtime,
    register_module_replacement_dict,
    report,
    reset_fallbacks,
    set_device,
    set_run_mode,
    use_runtime,
)
from symbiote_core.module.modes import normal

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])


def test_a_torch_input_gives_a_device_tensor_with_the_right_values(device: FakeDevice) -> None:
    model = small_model()
    expected = model[0](X)
    module = FakeLinear.from_torch(model[0])
    set_device(module, device)
    out = module(X)
    assert type(out) is TorchTTNNTensor
    assert out.is_on_device
    assert (out.shape, out.dtype, out.device) == ((1, 8), torch.float32, torch.device("cpu"))
    assert torch.equal(out.to_torch, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_output_shows_the_dtype_of_the_input(device: FakeDevice, dtype: torch.dtype) -> None:
    module = Identity.from_torch(nn.Identity().eval())
    set_device(module, device)
    assert module(X.to(dtype)).dtype is dtype


def test_nothing_leaves_the_device_between_swapped_modules() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear, nn.ReLU: Relu}, strict=True)
    for _ in range(3):
        out = model(X)
    assert type(out) is torch.Tensor
    traffic = report(model).traffic
    assert (traffic.forwards, traffic.uploads, traffic.downloads) == (3, 3, 3)
    assert (traffic.upload_bytes, traffic.download_bytes) == (3 * 16, 3 * 6)


def test_a_kernel_that_returns_its_input_gives_the_very_tensor_back(device: FakeDevice) -> None:
    module = Identity.from_torch(nn.Identity().eval())
    set_device(module, device)
    given = module(X)
    assert module(given) is given


def test_keyword_arguments_are_uploaded_too(device: FakeDevice) -> None:
    class Sum(nn.Module):
        def forward(self, x: Any, *, other: Any = None, scale: int = 1) -> Any:
            return x + other

    class FakeSum(TTNNModule):
        def forward(self, x: Any, *, other: Any = None, scale: int = 1) -> Any:
            assert scale == 2
            assert isinstance(other, FakeTensor)
            return ttnn.add(x, other)

    module = FakeSum.from_torch(Sum().eval())
    module._symbiote.strict = True
    set_device(module, device)
    assert torch.equal(module(X, other=X, scale=2).to_torch, X + X)
    assert torch.equal(module(x=module(X, other=X, scale=2), other=X, scale=2).to_torch, X * 3)


def test_booleans_stay_on_the_host(device: FakeDevice) -> None:
    class Masked(nn.Module):
        def forward(self, x: Any, mask: Any) -> Any:
            return x

    class FakeMasked(TTNNModule):
        def forward(self, x: Any, mask: Any) -> Any:
            assert type(mask) is torch.Tensor
            return x

    module = FakeMasked.from_torch(Masked().eval())
    module._symbiote.strict = True
    set_device(module, device)
    module(X, torch.ones(1, 4, dtype=torch.bool))


def test_records_and_tuples_come_back_with_every_tensor_wrapped(device: FakeDevice) -> None:
    class Two(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"a": x, "b": (x, None)}

    class FakeTwo(TTNNModule):
        def forward(self, x: Any) -> Any:
            return {"a": ttnn.relu(x), "b": (x, None)}

    module = FakeTwo.from_torch(Two().eval())
    set_device(module, device)
    out = module(X)
    assert type(out["a"]) is TorchTTNNTensor
    assert torch.equal(out["b"][0].to_torch, X)
    assert out["b"][1] is None


def test_a_call_with_device_tensors_runs_the_forward_as_it_is(device: FakeDevice) -> None:
    module = FakeLinear.from_torch(small_model()[0])
    set_device(module, device)
    out = module(ttnn.from_torch(X, device))
    assert type(out) is FakeTensor
    assert module.weight_state is WeightState.DEVICE
    assert type(FakeLinear.forward.__wrapped__(module, ttnn.from_torch(X, device))) is FakeTensor


def test_errors_of_a_call_with_device_tensors_go_up(device: FakeDevice) -> None:
    module = FakeLinear.from_torch(small_model()[0])
    set_device(module, device)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        module(ttnn.from_torch(torch.ones(1, 5), device))


def test_a_call_before_set_device() -> None:
    model = small_model()
    register_module_replacement_dict(model, {nn.Linear: FakeLinear})
    with pytest.raises(DeviceNotSetError) as caught:
        model(X)
    assert str(caught.value) == (
        "FakeLinear at '0' has no device yet. Call set_device(model, device) first, with a device "
        "from open_device('auto'), open_device('emulator') or ttnn.open_device(...)."
    )
    assert (caught.value.path, caught.value.kernel) == ("0", "FakeLinear")


def test_a_call_makes_its_own_runtime_active_and_gives_the_former_back() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear}, strict=True)
    expected = model(X)
    other = FakeRuntime("other")
    with use_runtime(other):
        assert torch.equal(model(X), expected)
        assert active_runtime() is other


def test_torch_mode_runs_the_torch_layers() -> None:
    model = small_model()
    expected = model(X)
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    set_run_mode(model, "torch")
    assert torch.equal(model(X), expected)
    assert report(model).traffic.uploads == 0


def test_torch_mode_takes_a_view_whose_base_was_written_to(device: FakeDevice) -> None:
    module = Identity.from_torch(nn.Identity().eval())
    set_device(module, device)
    base = module(X)
    row = base[0]
    base.add_(1)
    assert not row.is_on_device
    set_run_mode(module, "torch")
    assert torch.equal(module(row), X[0] + 1)


def test_timed_mode_adds_up_time() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    model(X)
    assert [m.seconds for m in report(model).modules] == [0.0, 0.0]
    set_run_mode(model, "timed")
    model(X)
    assert all(m.seconds > 0 for m in report(model).modules)


def test_compare_mode_keeps_the_worst_of_each_module() -> None:
    class Wrong(FakeLinear):
        def forward(self, x: Any) -> Any:
            return ttnn.add(ttnn.linear(x, self.tt_weight, self.tt_bias), x.get()[0, 0].item())

    model = small_model()
    accelerate(model, "fake", {nn.Linear: Wrong})
    set_run_mode(model, "compare")
    model(torch.zeros(1, 4))
    assert report(model).modules[0].relative_rms == 0.0
    model(X)
    model(torch.zeros(1, 4))
    first = report(model).modules[0]
    assert first.relative_rms is not None
    assert first.relative_rms > 0.1
    assert first.pcc is not None


def test_compare_mode_compares_what_a_kernel_brings_to_the_host() -> None:
    class OnHost(FakeLinear):
        def forward(self, x: Any) -> Any:
            return ttnn.linear(x, self.tt_weight, self.tt_bias).get().float() + 1

    model = small_model()
    accelerate(model, "fake", {nn.Linear: OnHost})
    set_run_mode(model, "compare")
    model(X)
    first = report(model).modules[0]
    assert first.pcc is not None
    assert first.relative_rms is not None
    assert first.relative_rms > 0.1


def test_compare_mode_does_not_compare_a_fallback_with_itself() -> None:
    class Failing(FakeLinear):
        def forward(self, x: Any) -> Any:
            raise RuntimeError("no")

    model = small_model()
    accelerate(model, "fake", {nn.Linear: Failing})
    set_run_mode(model, "compare")
    with pytest.warns(FallbackWarning):
        model(X)
    assert [m.pcc for m in report(model).modules] == [None, None]


def test_an_unknown_run_mode_lists_those_there_are() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    with pytest.raises(
        ValueError,
        match=r"There is no run mode 'fast'\. Modes are: normal, torch, timed, compare\.",
    ):
        set_run_mode(model, "fast")


def test_a_run_mode_of_ones_own_goes_around_every_kernel() -> None:
    seen: list[tuple[str, torch.Size]] = []

    def noting(module: TTNNModule, forward: Any, args: Any, kwargs: Any) -> Any:
        out = normal(module, forward, args, kwargs)
        seen.append((module._symbiote.path, out.shape))
        return out

    model = small_model()
    expected = model(X)
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    set_run_mode(model, noting)
    assert torch.equal(model(X), expected)
    assert seen == [("0", torch.Size([1, 8])), ("2", torch.Size([1, 3]))]


def test_a_run_mode_of_ones_own_outlasts_reset_fallbacks() -> None:
    seen: list[str] = []

    def noting(module: TTNNModule, forward: Any, args: Any, kwargs: Any) -> Any:
        seen.append(module._symbiote.path)
        return normal(module, forward, args, kwargs)

    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    set_run_mode(model, noting)
    reset_fallbacks(model)
    model(X)
    assert seen == ["0", "2"]
