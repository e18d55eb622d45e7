"""Norms of any class are known by what they compute, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import assert_near, leading, on_device, rounded, seeded
from torch import nn

from symbiote_core import NothingReplacedError, TTNNModule, plan
from symbiote_ttnn import TTNNLayerNorm, TTNNRMSNorm
from symbiote_ttnn.generic import TTNNOffsetRMSNorm
from symbiote_ttnn.generic.norms import looks_like_norm, norm_form


class Norm(nn.Module):
    """A norm over the last dimension; subclasses say which."""

    def __init__(self, width: int, eps: float = 1e-6, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.variance_epsilon = eps


class Rms(Norm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.float()
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, True) + self.variance_epsilon))


class OffsetRms(Norm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        root = torch.sqrt(x.square().mean(-1, keepdim=True) + self.variance_epsilon)
        return x / root * (1.0 + self.weight)


class Layer(Norm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        out = centred * torch.rsqrt(x.var(-1, False, keepdim=True) + self.variance_epsilon)
        out = out * self.weight
        return out if self.bias is None else out + self.bias


class EpsilonOutside(Norm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x / (x.square().mean(-1, keepdim=True).sqrt() + self.variance_epsilon)


class SumOfSquares(Norm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x * torch.rsqrt(x.square().sum(-1, True) + self.variance_epsilon)


class Unbiased(Norm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return self.weight * centred * torch.rsqrt(x.var(-1, keepdim=True) + self.variance_epsilon)


class OverTokens(Norm):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x * torch.rsqrt(x.square().mean(0) + self.variance_epsilon)


class BiasedRms(Rms):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + self.bias


class Pair(Norm):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


class Gated(Norm):
    def forward(self, x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        return x * gate


KNOWN: dict[str, tuple[nn.Module, type[TTNNModule]]] = {
    "rms": (Rms(40), TTNNRMSNorm),
    "offset": (OffsetRms(40), TTNNOffsetRMSNorm),
    "layer": (Layer(40), TTNNLayerNorm),
    "layer with bias": (Layer(40, bias=True), TTNNLayerNorm),
}
OTHERS = {
    "epsilon outside": EpsilonOutside(40),
    "sum of squares": SumOfSquares(40),
    "unbiased": Unbiased(40),
    "over tokens": OverTokens(40),
    "biased rms": BiasedRms(40, bias=True),
    "a pair": Pair(40),
    "gated": Gated(40),
}


@pytest.mark.parametrize("name", KNOWN)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shape=leading, d=st.integers(2, 70), eps=st.sampled_from([1e-12, 1e-6, 1e-5, 1e-2]))
def test_a_known_norm_gives_what_torch_gives(
    emulator: Any, name: str, shape: tuple[int, ...], d: int, eps: float
) -> None:
    example, kernel = KNOWN[name]
    layer: Any = rounded(type(example)(d, eps, example.bias is not None))
    model = nn.Sequential(layer)
    [found] = plan(model, "generic").replacements
    assert found.kernel.kernel_class() is kernel
    x = seeded(*shape, d).bfloat16().float()
    assert_near(layer(x), on_device(kernel, layer, emulator)(x), rms=0.02)


@pytest.mark.parametrize("name", OTHERS)
def test_what_computes_something_else_stays_and_is_told(name: str) -> None:
    layer = OTHERS[name]
    assert norm_form(layer) is None
    made = plan(nn.Sequential(layer, nn.Linear(40, 40)), "generic")
    assert [r.path for r in made.replacements] == ["1"]
    [kept] = made.kept
    assert kept.reason == (
        f"TTNNLayerNorm: {type(layer).__name__} has what a norm has and computes neither a layer "
        "norm nor an RMS norm over the last dimension"
    )


def test_the_epsilon_is_part_of_what_is_known() -> None:
    layer = Rms(40, 1e-2)
    layer.eps = 1e-2  # type: ignore[assignment]
    assert norm_form(layer) == "rms_norm"
    layer.variance_epsilon = 1e-6
    layer.register_forward_hook(lambda *_: pytest.fail("the probe runs nobody's hook"))
    assert norm_form(layer) == "rms_norm"


def test_a_probe_leaves_module_and_generator_alone() -> None:
    layer = Rms(40).train()
    before, drawn = dict(layer.__dict__), torch.random.get_rng_state()
    assert norm_form(layer) == "rms_norm"
    assert layer.__dict__ == before
    assert torch.equal(torch.random.get_rng_state(), drawn)


def test_weights_without_values_are_no_hindrance() -> None:
    with torch.device("meta"):
        layer = OffsetRms(40)
    assert norm_form(layer) == "offset_rms_norm"


def test_modules_with_more_than_a_norm_has_do_not_look_like_one() -> None:
    with_buffer, with_child, without_weight = Rms(8), Rms(8), Rms(8)
    with_buffer.register_buffer("mean", torch.zeros(8))
    with_child.inner = nn.Identity()
    without_weight.weight = None  # type: ignore[assignment]
    without_epsilon = Rms(8)
    del without_epsilon.variance_epsilon
    odd = [with_buffer, with_child, without_weight, without_epsilon, nn.LayerNorm(8), nn.PReLU(8)]
    assert [looks_like_norm(module) for module in odd] == [False] * 6
    with pytest.raises(NothingReplacedError):
        plan(nn.Sequential(with_buffer), "generic")
