"""Whatever changes the torch weights, the next call converts them again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from core_kernels import Block, FakeBlock, FakeLinear, small_model
from torch import nn
from torch.nn.utils import parametrize

from symbiote_core import WeightState, accelerate

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])


def _half(model: nn.Sequential) -> None:
    model.half().float()
    model[0].weight.data = model[0].weight.data + 1


def _in_place(model: nn.Sequential) -> None:
    model[0].weight.mul_(2)


def _replaced(model: nn.Sequential) -> None:
    model[0].weight = nn.Parameter(model[0].weight + 3)


def _through_the_torch_layer(model: nn.Sequential) -> None:
    model[0].torch_layer.bias = nn.Parameter(model[0].bias + 3)


def _loaded(model: nn.Sequential) -> None:
    model.load_state_dict({key: value + 1 for key, value in model.state_dict().items()})


def _assigned(model: nn.Sequential) -> None:
    state = {key: value + 1 for key, value in model.state_dict().items()}
    model.load_state_dict(state, assign=True)


def _dropped_bias(model: nn.Sequential) -> None:
    model[0].bias = None


CHANGES = [
    _half,
    _in_place,
    _replaced,
    _through_the_torch_layer,
    _loaded,
    _assigned,
    _dropped_bias,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__.strip("_"))
def test_a_change_of_the_weights_is_seen(change: Callable[[nn.Sequential], None]) -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear}, strict=True)
    before = model(X)
    change(model)
    expected = model[2].torch_layer(torch.relu(model[0].torch_layer(X)))
    after = model(X)
    assert torch.equal(after, expected)
    assert not torch.equal(after, before)


def test_weights_that_did_not_change_are_not_converted_again() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    weight = model[0].tt_weight
    model(X)
    model(X)
    assert model[0].tt_weight is weight


def test_writes_through_data_are_not_seen_by_torch_and_need_a_word() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear}, strict=True)
    model[0].weight.data.neg_()
    model[0].deallocate_weights()
    assert torch.equal(model[0](X).to_torch, model[0].torch_layer(X))


def test_moving_the_model_to_another_dtype_shows_it_in_the_output() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    model.half()
    assert model[0].weight.dtype is torch.float16
    assert model(X.half()).dtype is torch.float16
    model.to(torch.bfloat16)
    assert model(X.bfloat16()).dtype is torch.bfloat16


def test_tied_weights_stay_tied_and_both_users_see_a_change() -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)).eval()
    model[0].weight.data = torch.eye(4) * 2
    model[1].weight = model[0].weight
    accelerate(model, "fake", {nn.Linear: FakeLinear}, strict=True)
    assert model[0].weight is model[1].weight
    assert torch.equal(model(X), X * 4)
    model[0].weight.mul_(2)
    assert torch.equal(model(X), X * 16)


def test_a_change_below_a_coarse_kernel_reaches_its_parts() -> None:
    model = nn.Sequential(Block()).eval()
    for parameter in model.parameters():
        parameter.data = torch.randint(-2, 3, parameter.shape).float()
    accelerate(model, "fake", {Block: FakeBlock}, strict=True)
    model(X)
    model[0].first.weight.neg_()
    model[0].second.bias = nn.Parameter(torch.full((4,), 7.0))
    assert torch.equal(model(X), model[0].torch_layer(X))


def test_a_stale_kernel_frees_the_old_weights() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear}, strict=True)
    device = model[0].device
    model(X)
    live = device.live
    for _ in range(3):
        model[0].weight.neg_()
        model(X)
    assert device.live == live
    assert model[0].weight_state is WeightState.DEVICE


def test_a_parametrized_weight_is_seen() -> None:
    class Doubled(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight * 2

    model = small_model()
    parametrize.register_parametrization(model[0], "weight", Doubled())
    accelerate(model, "fake", {type(model[0]): FakeLinear}, strict=True)
    expected = model[0].torch_layer(X)
    assert torch.equal(model[0](X).to_torch, expected)
    model[0].parametrizations.weight.original.mul_(2)
    assert torch.equal(model[0](X).to_torch, model[0].torch_layer(X))
