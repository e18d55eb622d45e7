"""A swapped module shows the torch layer: isinstance, attributes, state_dict, hooks, printing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from core_kernels import FakeLinear, Identity, small_model
from torch import nn

from symbiote_core import TTNNModule, accelerate, restore


class Norm(nn.Module):
    """A layer with a parameter, a buffer, a buffer that is not saved and a child."""

    _version = 3

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("scratch", torch.zeros(4), persistent=False)
        self.inner = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_isinstance_holds_for_both_classes() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    assert isinstance(model[0], nn.Linear)
    assert isinstance(model[0], FakeLinear)
    assert isinstance(model[0], TTNNModule)
    assert type(model[0]) is FakeLinear


def test_attributes_of_the_torch_layer_are_there() -> None:
    layer = nn.Linear(4, 3)
    module = FakeLinear.from_torch(layer)
    assert (module.in_features, module.out_features) == (4, 3)
    assert module.weight is layer.weight
    assert module.torch_layer is layer


def test_an_unknown_attribute_names_both_classes() -> None:
    module = FakeLinear.from_torch(nn.Linear(4, 3))
    with pytest.raises(AttributeError) as caught:
        _ = module.wieght
    assert str(caught.value) == (
        "FakeLinear has no attribute 'wieght', and neither has the Linear that it replaces."
    )


def test_state_dict_is_that_of_the_original() -> None:
    model = nn.Sequential(Norm(), nn.ReLU())
    before = model.state_dict()
    names = list(dict(model.named_buffers()))
    accelerate(model.eval(), "fake", {Norm: Identity})
    after = model.state_dict()
    assert list(after) == list(before)
    assert "0.scratch" not in after
    assert after._metadata == before._metadata  # type: ignore[attr-defined]
    assert after._metadata["0"] == {"version": 3}  # type: ignore[attr-defined]
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert list(dict(model.named_buffers())) == names


def test_a_state_dict_of_the_original_loads_and_reports_what_is_wrong_as_before() -> None:
    model = nn.Sequential(Norm(), nn.ReLU())
    state = model.state_dict()
    accelerate(model.eval(), "fake", {Norm: Identity})
    assert str(model.load_state_dict(state)) == "<All keys matched successfully>"
    state["0.extra"] = state.pop("0.mean")
    told = model.load_state_dict(state, strict=False)
    assert (told.missing_keys, told.unexpected_keys) == (["0.mean"], ["0.extra"])


def test_custom_saving_of_the_layer_is_used() -> None:
    class Odd(nn.Linear):
        def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
            destination[prefix + "odd"] = self.weight.detach()

        def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
            self.weight.data = state_dict[prefix + "odd"]

    model = nn.Sequential(Odd(4, 3))
    accelerate(model.eval(), "fake", {Odd: FakeLinear})
    assert list(model.state_dict()) == ["0.odd"]
    model.load_state_dict({"0.odd": torch.zeros(3, 4)})
    assert torch.equal(model(torch.ones(1, 4)), model[0].bias.bfloat16().float()[None])


def test_parameters_and_modules_are_listed_as_before() -> None:
    model = nn.Sequential(Norm(), nn.ReLU())
    modules, parameters = [n for n, _ in model.named_modules()], list(model.parameters())
    accelerate(model.eval(), "fake", {Norm: Identity})
    assert [n for n, _ in model.named_modules()] == modules
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))


def test_printing_shows_kernel_layer_and_state() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear}, include="0")
    assert (
        "(0): FakeLinear(replaces Linear(in_features=4, out_features=8, bias=True), "
        "weights=device, on fake)" in repr(model)
    )
    assert repr(FakeLinear()) == "FakeLinear(no torch layer, weights=torch, no device)"


def test_hooks_registered_before_and_while_swapped_fire_and_stay() -> None:
    model, calls = small_model(), []
    layer = model[0]
    layer.register_forward_hook(lambda *_: calls.append("before"))
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    model[0].register_forward_pre_hook(lambda *_: calls.append("while"))
    handle = model[0].register_forward_hook(lambda *_: calls.append("gone"))
    handle.remove()
    model(torch.ones(1, 4))
    assert calls == ["while", "before"]
    restore(model)
    assert model[0] is layer
    model(torch.ones(1, 4))
    assert calls == ["while", "before"] * 2


def test_a_hook_sees_the_output_and_may_replace_it() -> None:
    model, seen = small_model(), []

    def double(module: nn.Module, args: Any, output: Any) -> Any:
        seen.append(tuple(output.shape))
        return output * 2

    expected = model[2](torch.relu(model[0](torch.ones(2, 4)) * 2))
    model[0].register_forward_hook(double)
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    assert torch.equal(model(torch.ones(2, 4)), expected)
    assert seen == [(2, 8)]


def test_training_mode_reaches_the_torch_layer() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    model.train()
    assert model[0].training
    assert model[0].torch_layer.training
    model.eval()
    assert not model[0].torch_layer.training


def test_parts_and_tensors_stay_out_of_the_torch_registries() -> None:
    module = FakeLinear.from_torch(nn.Linear(4, 3))
    module.part = FakeLinear.from_torch(nn.Linear(4, 3))
    module.scale = torch.ones(4)
    assert set(module.state_dict()) == {"weight", "bias"}
    assert [n for n, _ in module.named_modules()] == [""]
    module.part = None
    assert list(module.ttnn_parts()) == []
