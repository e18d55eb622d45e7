"""GPT-2's Conv1D, and the layers that the generic policy takes by class."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from kernel_cases import assert_near, leading, on_device, rounded, seeded, sizes
from torch import nn
from transformers import activations
from transformers.pytorch_utils import Conv1D

from symbiote_core import accelerate, plan, report, restore
from symbiote_ttnn.generic import TTNNConv1D


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shape=leading, k=sizes, n=sizes)
def test_conv1d(emulator: Any, shape: tuple[int, ...], k: int, n: int) -> None:
    layer = rounded(Conv1D(n, k))
    x = seeded(*shape, k).bfloat16().float()
    assert_near(layer(x), on_device(TTNNConv1D, layer, emulator)(x), rms=0.02)


@pytest.mark.parametrize("weights", ["bfloat8_b", "bfloat16", "float32"])
def test_conv1d_has_weights_of_the_configured_dtype(emulator: Any, weights: str) -> None:
    layer = rounded(Conv1D(64, 96))
    x = seeded(3, 96).bfloat16().float()
    module = on_device(TTNNConv1D, layer, emulator, weights=weights)
    assert_near(layer(x), module(x), rms=0.02)
    assert module.tt_weight.dtype.name.lower() == weights
    assert list(module.tt_weight.shape) == [96, 64]


def test_an_empty_conv1d_is_refused() -> None:
    assert TTNNConv1D.supports(Conv1D(0, 4)) == "its weight [4, 0] is no matrix, or empty"


class Mixed(nn.Module):
    """Layers of every class that is taken, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(30, 32)
        self.first = nn.Linear(32, 48)
        self.second = Conv1D(32, 48)
        self.norm = nn.LayerNorm(32)
        self.rms = nn.RMSNorm(32, eps=1e-6)
        self.dropout = nn.Dropout()
        names = ("gelu", "gelu_new", "quick_gelu", "silu", "relu", "tanh", "gelu_pytorch_tanh")
        self.acts = nn.ModuleList([activations.get_activation(name) for name in names])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.rms(self.norm(self.second(self.first(self.table(ids)))))
        for act in self.acts:
            x = self.dropout(act(x * 2))
        return x


def test_layers_of_any_model_without_a_type(emulator: Any) -> None:
    torch.manual_seed(0)
    model = Mixed().eval()
    ids = torch.arange(12).view(2, 6)
    expected = model(ids)
    modules = [id(m) for m in model.modules()]
    state = {key: value.clone() for key, value in model.state_dict().items()}
    told = accelerate(model, emulator, strict=True)
    assert told.policies == (("generic", "ttnn"),)
    assert "replaced by policy generic (plugin ttnn)" in str(told)
    assert "Policy 'generic' is the generic one" in str(told)
    assert told.kept == ()
    actual = model(ids)
    assert torch.nn.functional.cosine_similarity(expected.view(-1), actual.view(-1), 0) > 0.999
    assert report(model).op_fallbacks == ()
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    restore(model)
    assert [id(m) for m in model.modules()] == modules
    assert torch.equal(model(ids), expected)


def test_a_policy_of_its_own_comes_first() -> None:
    from transformers import ViTConfig, ViTModel

    small = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = ViTModel(ViTConfig(**small, intermediate_size=64, image_size=32, patch_size=16))
    assert plan(model).policy == "vit"
    made = plan(model, "generic")
    assert made.policy == "generic"
    assert len(made.notes) == 1


WITHOUT_TRANSFORMERS = """
import sys
sys.modules["transformers"] = None
from torch import nn
from symbiote_core import accelerate
model = nn.Sequential(nn.Linear(32, 32), nn.GELU(), nn.LayerNorm(32)).eval()
print([module.kernel for module in accelerate(model, "emulator").modules])
"""


def test_transformers_is_not_needed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TRANSFORMERS],
        capture_output=True,
        text=True,
        env={**os.environ, "SYMBIOTE_PLUGINS": "emulator,ttnn"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['TTNNLinear', 'TTNNGelu', 'TTNNLayerNorm']"
