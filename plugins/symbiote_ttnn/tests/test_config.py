"""What ``model_config`` says to the kernels."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from symbiote_core import close_device, open_device, register_module_replacement_dict, set_device
from symbiote_ttnn import TTNNLinear
from symbiote_ttnn.config import KernelConfig


def test_weights_have_one_dtype_or_one_for_each_role() -> None:
    assert KernelConfig().weights_of("mlp") == "bfloat16"
    assert KernelConfig.from_mapping({"weights": "bfloat8_b"}).weights_of("mlp") == "bfloat8_b"
    config = KernelConfig.from_mapping({"weights": {"mlp": "bfloat4_b", "other": "bfloat8_b"}})
    assert config.weights_of("mlp") == "bfloat4_b"
    assert config.weights_of("attention") == "bfloat8_b"
    assert KernelConfig.from_mapping({"weights": {"mlp": "float32"}}).weights_of("lm_head") == (
        "bfloat16"
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("bfloat17", r"'weights'\] is 'bfloat17'; it takes one of bfloat16"),
        ({"mpl": "bfloat16"}, "has 'mpl': 'bfloat16'; it takes the roles attention, mlp"),
        ({"mlp": "bfloat17"}, "has 'mlp': 'bfloat17'.*the dtypes bfloat16"),
        (8, "is 8; it takes one of bfloat16.*or a dictionary of them by role"),
    ],
)
def test_unknown_weights_are_an_error(weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KernelConfig.from_mapping({"weights": weights})


@pytest.mark.parametrize("length", [0, -3, 1.5, True, "many"])
def test_a_senseless_cache_length_is_an_error(length: Any) -> None:
    with pytest.raises(ValueError, match=r"'cache_length'\] is .*; it takes a number of tokens"):
        KernelConfig.from_mapping({"cache_length": length})


def test_a_kernel_takes_the_dtype_of_its_role() -> None:
    class Head(TTNNLinear):
        role = "lm_head"

    device = open_device("emulator")
    model = nn.ModuleDict({"head": nn.Linear(32, 32), "body": nn.Linear(32, 32)}).eval()
    config = {"weights": {"lm_head": "bfloat4_b", "other": "bfloat8_b"}}
    dtypes = []
    for name, kernel in (("head", Head), ("body", TTNNLinear)):
        other = "body" if name == "head" else "head"
        register_module_replacement_dict(model, {nn.Linear: kernel}, config, {other})
        set_device(model, device)
        model[name].move_weights_to_device()
        dtypes.append(model[name].tt_weight.dtype.name)
    assert dtypes == ["BFLOAT4_B", "BFLOAT8_B"]
    close_device(device)
