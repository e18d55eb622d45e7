"""The one-line entry: what it returns, and that it never leaves half a model."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch
from core_kernels import Bringing, FailsToConvert, FakeLinear, FreeingLinear, Relu, small_model
from fake_runtime import FakeDevice
from torch import nn

from symbiote_core import (
    AmbiguousKernelError,
    DeviceError,
    KernelSpec,
    MetaModelError,
    Policy,
    ReplacementError,
    Rule,
    TTNNExecutionError,
    WeightState,
    accelerate,
    plugin_manager,
    report,
    restore,
)

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])
LINEARS = {nn.Linear: FakeLinear}


def _configured(model_type: str) -> nn.Sequential:
    model = small_model()
    model.config = types.SimpleNamespace(model_type=model_type)  # type: ignore[assignment]
    return model


def _bring(*policies: Policy, kernels: Any = ()) -> None:
    plugin_manager().register(Bringing(kernels=kernels, policies=policies), "ours")


KERNELS = [KernelSpec("L", nn.Linear, FakeLinear), KernelSpec("R", nn.ReLU, Relu)]


def test_a_model_is_swapped_converted_and_on_the_device(device: FakeDevice) -> None:
    model = small_model()
    expected = model(X)
    told = accelerate(model, device, LINEARS)
    assert [m.weights for m in told.modules] == ["device", "device"]
    assert model[0].device is device
    assert torch.equal(model(X), expected)
    assert type(model(X)) is torch.Tensor


def test_auto_takes_the_policy_of_the_model_type_and_else_the_generic_one() -> None:
    _bring(
        Policy("one", ("one",), (Rule(nn.Linear, "L"),)),
        Policy("any", ("*",), (Rule(nn.ReLU),)),
        kernels=KERNELS,
    )
    assert accelerate(_configured("one"), "fake").policies == (("one", "ours"),)
    assert accelerate(_configured("two"), "fake").policies == (("any", "ours"),)
    assert accelerate(_configured("two"), "fake", "one").policies == (("one", "ours"),)


def test_two_policies_of_one_model_type_and_rank_name_both_plugins() -> None:
    _bring(
        Policy("a", ("one",), (Rule(nn.Linear),)),
        Policy("b", ("one",), (Rule(nn.Linear),)),
        kernels=KERNELS,
    )
    with pytest.raises(AmbiguousKernelError) as caught:
        accelerate(_configured("one"), "fake")
    assert str(caught.value) == (
        "Policies 'a' (plugin 'ours') and 'b' (plugin 'ours') are both for model type 'one'. "
        "Choose with policy='a'."
    )


def test_a_failing_conversion_leaves_the_model_untouched() -> None:
    class LastFails(FakeLinear):
        def preprocess_weights_impl(self) -> None:
            if self.torch_layer.out_features == 3:
                raise RuntimeError("fake.from_torch: no such dtype")
            super().preprocess_weights_impl()

    model, device = small_model(), FakeDevice()
    originals, attributes = list(model), set(vars(model))
    with pytest.raises(ReplacementError) as caught:
        accelerate(model, device, {nn.Linear: LastFails})
    assert str(caught.value) == (
        "LastFails (plugin symbiote_core) failed in convert for module '2': RuntimeError: "
        "fake.from_torch: no such dtype. The model was left as it was. Exclude the module with "
        "exclude='2', or mend the kernel."
    ).replace("symbiote_core", LastFails.__module__.partition(".")[0])
    assert all(a is b for a, b in zip(model, originals, strict=True))
    assert set(vars(model)) == attributes
    assert not model._forward_hooks
    assert device.live == 0


@pytest.mark.parametrize("stage", ["build", "convert"])
def test_an_interruption_leaves_the_model_untouched(stage: str) -> None:
    def interrupt(now: str, done: int, total: int, path: str) -> None:
        if (now, done) == (stage, 1):
            raise KeyboardInterrupt

    model, device = small_model(), FakeDevice()
    originals = list(model)
    with pytest.raises(KeyboardInterrupt):
        accelerate(model, device, LINEARS, progress=interrupt)
    assert all(a is b for a, b in zip(model, originals, strict=True))
    assert not model._forward_hooks
    assert device.live == 0


def test_an_unknown_device_leaves_the_model_untouched() -> None:
    model = small_model()
    originals = list(model)
    with pytest.raises(DeviceError, match="No runtime knows the device 'gpu'"):
        accelerate(model, "gpu", LINEARS)
    assert all(a is b for a, b in zip(model, originals, strict=True))


def test_a_second_call_that_fails_takes_only_its_own_part_back() -> None:
    model = small_model()
    expected = model(X)
    accelerate(model, "fake", LINEARS)
    first, middle = model[0], model[1]
    device = first.device

    class FailingRelu(Relu):
        def preprocess_weights_impl(self) -> None:
            raise RuntimeError("fake.relu: no")

    with pytest.raises(ReplacementError):
        accelerate(model, device, {nn.ReLU: FailingRelu})
    assert model[0] is first
    assert model[1] is middle
    assert torch.equal(model(X), expected)
    assert len(report(model).modules) == 2
    assert restore(model) == 2


def test_a_second_call_adds_and_does_not_convert_again() -> None:
    model = small_model()
    accelerate(model, "fake", LINEARS)
    weight, device = model[0].tt_weight, model[0].device
    told = accelerate(model, device, {nn.ReLU: Relu})
    assert model[0].tt_weight is weight
    assert [m.kernel for m in told.modules] == ["FakeLinear", "FakeLinear", "Relu"]


def test_strict_holds_for_every_module() -> None:
    model = small_model()
    accelerate(model, "fake", LINEARS, strict=True)
    with pytest.raises(TTNNExecutionError, match=r"\[empty_input\]"):
        model(torch.ones(0, 4))


def test_progress_is_told_of_each_stage_to_its_end() -> None:
    told: list[tuple[str, int, int, str]] = []
    accelerate(small_model(), "fake", LINEARS, progress=lambda *step: told.append(step))
    assert told == [
        ("build", 0, 2, "0"),
        ("build", 1, 2, "2"),
        ("build", 2, 2, ""),
        ("convert", 0, 2, "0"),
        ("convert", 1, 2, "2"),
        ("convert", 2, 2, ""),
    ]


def test_include_exclude_and_config_are_passed_on() -> None:
    model = small_model()
    accelerate(model, "fake", LINEARS, include="*", exclude="2", model_config={"a": 1})
    assert [type(m) for m in model] == [FakeLinear, nn.ReLU, nn.Linear]
    assert model[0].model_config == {"a": 1}
    assert model[0].weight_state is WeightState.DEVICE


def test_a_kernel_that_can_not_convert_at_all() -> None:
    with pytest.raises(
        ReplacementError, match=r"FailsToConvert .* failed in convert for module '0'"
    ):
        accelerate(small_model(), "fake", {nn.Linear: FailsToConvert})


def test_a_model_on_the_meta_device() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(4, 3))
    with pytest.raises(MetaModelError) as caught:
        accelerate(model, "fake", LINEARS)
    assert type(model[0]) is nn.Linear
    assert str(caught.value) == (
        "Sequential has parameters on the meta device (0.weight, for one), so there is nothing to "
        "convert. Load the weights first, for example with from_pretrained(...) without "
        "device_map='meta', or model.to_empty(device='cpu') and load_state_dict."
    )


def test_a_model_larger_than_the_device_runs_where_each_call_frees_its_weights(
    device: FakeDevice,
) -> None:
    model = nn.Sequential(*[nn.Linear(4, 4) for _ in range(4)]).eval()
    expected = model(X)
    device.capacity = 5  # a weight, a bias, an input, an output; the model has eight weights
    told = accelerate(model, device, {nn.Linear: FreeingLinear}, strict=True)
    assert [m.weights for m in told.modules] == ["host"] * 4
    for _ in range(2):
        assert torch.allclose(model(X), expected, atol=0.05)
        assert device.live == 0
    model[0].frees_weights_after = False
    device.capacity += 2
    model(X)
    assert [m.weights for m in report(model).modules] == ["device", "host", "host", "host"]
