from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import assert_near, leading, on_device, rounded, seeded, sizes
from torch import nn

from symbiote_core import WeightState
from symbiote_ttnn import (
    TTNNLinear,
    TTNNLinearGelu,
    TTNNLinearLLama,
    TTNNLinearLLamaBFloat16,
    TTNNLinearRelu,
    TTNNLinearSilu,
    TTNNLinearTanh,
)

property_test = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@property_test
@given(shape=leading, k=sizes, n=sizes, bias=st.booleans())
def test_linear_of_any_shape(
    emulator: Any, shape: tuple[int, ...], k: int, n: int, bias: bool
) -> None:
    layer = rounded(nn.Linear(k, n, bias=bias))
    x = seeded(*shape, k).bfloat16().float()
    assert_near(layer(x), on_device(TTNNLinear, layer, emulator)(x))


@pytest.mark.parametrize(
    ("kernel", "activation"),
    [
        (TTNNLinearGelu, nn.functional.gelu),
        (TTNNLinearRelu, nn.functional.relu),
        (TTNNLinearSilu, nn.functional.silu),
        (TTNNLinearTanh, torch.tanh),
    ],
)
def test_fused_activations_are_one_operation(emulator: Any, kernel: Any, activation: Any) -> None:
    layer = rounded(nn.Linear(64, 96))
    x = seeded(2, 7, 64, scale=0.2).bfloat16().float()
    module = on_device(kernel, layer, emulator)
    assert_near(activation(layer(x)), module(x), rms=0.02)
    assert list(module.state_dict()) == ["weight", "bias"]
    emulator.reset_counters()
    module(x)
    counted = dict(emulator.counters.operations)
    assert counted["ttnn.linear"] == 1
    assert set(counted) <= {"ttnn.linear", "ttnn.from_torch"}


def test_a_fused_activation_falls_back_with_its_activation(emulator: Any) -> None:
    layer = rounded(nn.Linear(8, 8))
    module = on_device(TTNNLinearGelu, layer, emulator)
    module._symbiote.strict = False
    x = seeded(2, 8).double()
    module.double()
    with pytest.warns(UserWarning, match="TTNN has no float64"):
        out = module(x)
    assert torch.equal(out, nn.functional.gelu(layer(x)))


def test_an_activation_that_ttnn_cannot_fuse_is_refused() -> None:
    with pytest.raises(ValueError, match="TTNN fuses gelu, relu, silu, tanh, sigmoid"):
        TTNNLinear.fused(nn.Linear(8, 8), "quick_gelu")


@pytest.mark.parametrize(
    ("kernel", "dtype", "rms"),
    [(TTNNLinearLLama, "BFLOAT8_B", 0.02), (TTNNLinearLLamaBFloat16, "BFLOAT16", 0.01)],
)
def test_llama_linears_free_their_weights_after_each_call(
    emulator: Any, kernel: Any, dtype: str, rms: float
) -> None:
    from symbiote_emulator import ttnn

    layer = rounded(nn.Linear(64, 64))
    module = on_device(kernel, layer, emulator)
    x = seeded(3, 64).bfloat16().float()
    dram = emulator.memory(ttnn.BufferType.DRAM)
    for _ in range(3):
        out = module(x)
        assert_near(layer(x), out, rms=rms)
        del out
        assert module.weight_state is WeightState.HOST
        assert module.tt_weight.dtype.name == dtype
        assert dram.live_bytes == 0


def test_weight_dtype_and_output_dtype_come_from_the_configuration(emulator: Any) -> None:
    layer = rounded(nn.Linear(64, 64))
    module = on_device(TTNNLinear, layer, emulator, weights="bfloat4_b", activations="bfloat8_b")
    out = module(seeded(2, 64))
    assert module.tt_weight.dtype.name == "BFLOAT4_B"
    assert out.to_ttnn.dtype.name == "BFLOAT8_B"


def test_changed_weights_are_converted_again(emulator: Any) -> None:
    layer = rounded(nn.Linear(8, 8))
    module = on_device(TTNNLinear, layer, emulator)
    x = seeded(2, 8).bfloat16().float()
    module(x)
    layer.weight.mul_(2)
    assert_near(layer(x), module(x))
    layer.bias = nn.Parameter(torch.ones(8))
    assert_near(layer(x), module(x))


def test_an_empty_weight_is_not_supported() -> None:
    with pytest.warns(UserWarning, match="zero-element"):
        empty = nn.Linear(0, 4)
    assert "is empty" in (TTNNLinear.supports(empty) or "")
