"""The explicit way, as in the reference README's Quick Start and custom layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from core_kernels import Bringing, FakeLinear, Relu, small_model
from torch import nn

from symbiote_core import (
    DeviceError,
    FallbackWarning,
    KernelSpec,
    MappingError,
    NothingReplacedError,
    SelectionError,
    TTNNModule,
    open_device,
    plugin_manager,
    register_module_replacement_dict,
    report,
    set_device,
)

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])


def test_the_quick_start() -> None:
    model = small_model()
    expected = model(X)
    nn_to_ttnn = {
        nn.Linear: FakeLinear,
        nn.ReLU: Relu,
    }
    modules = register_module_replacement_dict(model, nn_to_ttnn, model_config=None)
    assert {path: type(m) for path, m in modules.items()} == {
        "0": FakeLinear,
        "1": Relu,
        "2": FakeLinear,
    }
    set_device(model, open_device("fake"))
    model.eval()
    result = model(X)
    assert torch.equal(result, expected)
    assert report(model).fallback_count == 0


def test_exclusion_and_config() -> None:
    model = small_model()
    modules = register_module_replacement_dict(
        model, {nn.Linear: FakeLinear}, {"weight_dtype": "bfloat8_b"}, exclude_replacement=["2"]
    )
    assert list(modules) == ["0"]
    assert modules["0"].model_config == {"weight_dtype": "bfloat8_b"}
    assert type(model[2]) is nn.Linear


def test_a_second_call_returns_the_same_modules() -> None:
    model = small_model()
    first = register_module_replacement_dict(model, {nn.Linear: FakeLinear})
    again = register_module_replacement_dict(model, {nn.Linear: FakeLinear})
    assert list(first) == list(again)
    assert all(first[path] is again[path] for path in first)


def test_a_second_mapping_adds_to_the_first() -> None:
    model = small_model()
    register_module_replacement_dict(model, {nn.Linear: FakeLinear})
    assert list(register_module_replacement_dict(model, {nn.ReLU: Relu})) == ["1"]
    set_device(model, "fake")
    model(X)
    assert len(report(model).modules) == 3


@pytest.mark.parametrize("key", ["Linear", 3, nn.Linear(1, 1), int])
def test_a_key_that_is_no_module_class(key: Any) -> None:
    with pytest.raises(MappingError) as caught:
        register_module_replacement_dict(small_model(), {key: FakeLinear})
    assert str(caught.value) == (
        f"The mapping's key {key!r} is not a torch module class. Give classes, such as "
        "{nn.Linear: TTNNLinear}; to choose by path use include= and exclude=."
    )


@pytest.mark.parametrize(
    ("value", "shown"), [(nn.ReLU, "ReLU"), ("TTNNLinear", "'TTNNLinear'"), (None, "None")]
)
def test_a_value_that_is_no_kernel(value: Any, shown: str) -> None:
    with pytest.raises(MappingError) as caught:
        register_module_replacement_dict(small_model(), {nn.Linear: value})
    assert str(caught.value) == (
        f"The mapping's value {shown} for Linear is not a TTNNModule class. Give a kernel, such as "
        "symbiote_ttnn.TTNNLinear, or a TTNNModule of your own."
    )


def test_an_empty_mapping() -> None:
    with pytest.raises(MappingError, match=r"The mapping is empty\. Give at least one class, such"):
        register_module_replacement_dict(small_model(), {})


def test_a_pattern_that_excludes_nothing() -> None:
    with pytest.raises(SelectionError, match="exclude='3' matches none of the model's 3 modules"):
        register_module_replacement_dict(small_model(), {nn.Linear: FakeLinear}, None, ["3"])


def test_a_model_without_such_modules() -> None:
    with pytest.raises(
        NothingReplacedError, match=r"replaces nothing in this Sequential\. It looks"
    ):
        register_module_replacement_dict(small_model(), {nn.LayerNorm: Relu})


def test_set_device_with_none() -> None:
    model = small_model()
    register_module_replacement_dict(model, {nn.Linear: FakeLinear})
    with pytest.raises(DeviceError) as caught:
        set_device(model, None)
    assert str(caught.value) == (
        "set_device(model, None): a device is needed. Use open_device('auto'), "
        "open_device('emulator') or ttnn.open_device(device_id=0). To take a model off its device "
        "use restore(model)."
    )


def test_set_device_of_a_model_that_was_not_swapped() -> None:
    with pytest.raises(NothingReplacedError) as caught:
        set_device(small_model(), "fake")
    assert str(caught.value) == (
        "This Sequential has no swapped module. Swap it first with accelerate(model) or "
        "register_module_replacement_dict(model, {...})."
    )


def test_the_plugin_of_a_registered_kernel_is_named() -> None:
    kernels = [KernelSpec("Registered", nn.Linear, FakeLinear)]
    plugin_manager().register(Bringing(kernels=kernels), "ours")
    model = small_model()
    register_module_replacement_dict(model, {nn.Linear: FakeLinear, nn.ReLU: Relu})
    assert [m.plugin for m in report(model).modules] == ["ours", "core_kernels", "ours"]


def test_the_custom_layer_of_the_readme_falls_back_visibly() -> None:
    from core_kernels import ttnn

    # From here to the end of the class as in the reference README.
    class TTNNCustomLayer(TTNNModule):
        def __init__(self, param1, param2):  # type: ignore[no-untyped-def]
            super().__init__()
            self.param1 = param1
            self.param2 = param2

        @classmethod
        def from_torch(cls, torch_layer):  # type: ignore[no-untyped-def]
            """Create TTNN module from PyTorch equivalent."""
            new_layer = TTNNCustomLayer(torch_layer.param1, torch_layer.param2)
            new_layer._fallback_torch_layer = torch_layer
            return new_layer

        def preprocess_weights_impl(self):  # type: ignore[no-untyped-def]
            """Convert PyTorch weights to TTNN format (called once)."""
            self.tt_weight = ttnn.from_torch(
                self.torch_layer.weight, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT
            )

        def move_weights_to_device_impl(self):  # type: ignore[no-untyped-def]
            """Move preprocessed weights to device."""
            self.tt_weight = ttnn.to_device(self.tt_weight, self.device)

        def move_weights_to_host_impl(self):  # type: ignore[no-untyped-def]
            """Move weights back to host."""
            self.tt_weight = self.tt_weight.cpu()

        def deallocate_weights_impl(self):  # type: ignore[no-untyped-def]
            """Deallocate device memory."""
            ttnn.deallocate(self.tt_weight)

        def forward(self, input_tensor):  # type: ignore[no-untyped-def]
            """TTNN forward implementation."""
            output = ttnn.custom_op(input_tensor, self.tt_weight)
            return output

    class Custom(nn.Module):
        param1, param2 = 1, 2

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight * 2

    model = nn.Sequential(Custom()).eval()
    modules = register_module_replacement_dict(model, {Custom: TTNNCustomLayer})
    set_device(model, "fake")
    with pytest.warns(FallbackWarning, match="has no attribute 'custom_op'"):
        assert torch.equal(model(X), X * 2)
    layer = modules["0"]
    assert (layer.param1, layer.param2) == (1, 2)
    device = layer.device
    assert device.live == 1
    layer.move_weights_to_host()
    assert device.live == 0
    layer.move_weights_to_device()
    layer.deallocate_weights()
    assert device.live == 0
