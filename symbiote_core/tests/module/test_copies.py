"""Copies of swapped models: deepcopy, pickle, torch.save."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from core_kernels import Block, FakeBlock, FakeLinear, small_model
from torch import nn

from symbiote_core import (
    DeviceNotSetError,
    WeightState,
    accelerate,
    report,
    restore,
    set_device,
)

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])


def _swapped() -> nn.Sequential:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear}, strict=True)
    return model


def test_a_deep_copy_runs_on_the_same_device_with_weights_of_its_own() -> None:
    model = _swapped()
    expected = model(X)
    copied = copy.deepcopy(model)
    assert type(copied[0]) is FakeLinear
    assert copied[0].weight is not model[0].weight
    assert copied[0].torch_layer.weight is copied[0].weight
    assert copied[0].weight_state is WeightState.TORCH
    assert torch.equal(copied(X), expected)
    copied[0].weight.zero_()
    copied[0].bias.zero_()
    assert not torch.equal(copied(X), expected)
    assert torch.equal(model(X), expected)


def test_a_deep_copy_of_a_swapped_model_counts_and_restores_by_itself() -> None:
    model = _swapped()
    model(X)
    copied = copy.deepcopy(model)
    copied(X)
    assert report(copied).traffic.forwards == 2
    assert report(model).traffic.forwards == 1
    assert restore(copied) == 2
    assert type(copied[0]) is nn.Linear
    assert type(model[0]) is FakeLinear
    assert not copied._forward_hooks
    assert model._forward_hooks


def test_a_deep_copy_of_a_coarse_kernel_has_parts_of_its_own() -> None:
    model = nn.Sequential(Block()).eval()
    accelerate(model, "fake", {Block: FakeBlock}, strict=True)
    expected = model(X)
    copied = copy.deepcopy(model)
    first = next(iter(copied[0].ttnn_parts()))
    assert first is copied[0].first
    assert first is not model[0].first
    assert copied[0].first.torch_layer is copied[0].torch_layer.first
    assert torch.equal(copied(X), expected)


@pytest.mark.parametrize("way", ["pickle", "torch.save"])
def test_a_saved_swapped_model_comes_back_without_a_device(way: str) -> None:
    model = _swapped()
    expected = model(X)
    if way == "pickle":
        loaded = pickle.loads(pickle.dumps(model))
    else:
        buffer = io.BytesIO()
        torch.save(model, buffer)
        buffer.seek(0)
        loaded = torch.load(buffer, weights_only=False)
    assert type(loaded[0]) is FakeLinear
    assert list(loaded.state_dict()) == list(model.state_dict())
    with pytest.raises(DeviceNotSetError, match="FakeLinear at '0' has no device yet"):
        loaded(X)
    set_device(loaded, "fake")
    assert torch.equal(loaded(X), expected)


def test_the_state_dict_is_saved_without_anything_of_ours() -> None:
    buffer = io.BytesIO()
    torch.save(_swapped().state_dict(), buffer)
    buffer.seek(0)
    plain = small_model()
    plain.load_state_dict(torch.load(buffer, weights_only=True))


def test_a_copied_kernel_keeps_what_it_was_told() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear}, model_config={"a": 1}, strict=True)
    copied = pickle.loads(pickle.dumps(model[0]))
    assert copied.model_config == {"a": 1}
    assert copied._symbiote.strict
    assert copied._symbiote.path == "0"
