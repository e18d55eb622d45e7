"""Feed-forward modules are known by what they compute, and by nothing else."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import assert_near, leading, rounded, seeded
from torch import nn
from transformers.activations import get_activation
from transformers.pytorch_utils import Conv1D

from symbiote_core import FallbackWarning, accelerate, pcc, plan, relative_rms, report, restore
from symbiote_ttnn.generic.mlp_forms import form_of, looks_like_mlp

ACTIVATIONS = ("gelu", "gelu_new", "quick_gelu", "silu", "relu", "tanh")
Make = Callable[[int, int], nn.Module]


def linear(into: int, out: int) -> nn.Module:
    return nn.Linear(into, out)


def unbiased(into: int, out: int) -> nn.Module:
    return nn.Linear(into, out, bias=False)


def conv1d(into: int, out: int) -> nn.Module:
    return Conv1D(out, into)


LINEARS: dict[str, Make] = {"linear": linear, "unbiased": unbiased, "Conv1D": conv1d}


class Layers(nn.Module):
    """Children by name; subclasses say what is done with them."""

    def __init__(self, **children: nn.Module) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)


class Mlp(Layers):
    # Names that the kernel's parts might have had, and in no order.
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.first(self.act(self.second(x))))


class Gated(Layers):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.act(self.second(x)) * self.third(x)
        hidden = nn.functional.dropout(hidden, 0.5, training=self.training)
        return self.first(hidden)


class Activated(Layers):
    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.act(self.first(hidden))


class ActivatedNormed(Layers):
    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.norm(self.act(self.first(hidden)))


class Residual(Layers):
    def forward(self, hidden: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
        return self.norm(self.drop(self.first(hidden)) + rest)


def build(kind: str, make: Make, activation: str, d: int, f: int) -> nn.Module:
    act = get_activation(activation)
    norm = nn.LayerNorm(f, eps=1e-5)
    made: dict[str, Callable[[], nn.Module]] = {
        "TTNNMLP": lambda: Mlp(act=act, first=make(f, d), second=make(d, f), drop=nn.Dropout()),
        "TTNNGatedMLP": lambda: Gated(
            first=make(f, d), act=act, second=make(d, f), third=make(d, f)
        ),
        "TTNNActivatedLinear": lambda: Activated(first=make(d, f), act=act),
        "TTNNActivatedLinear, normed": lambda: ActivatedNormed(
            norm=norm, first=make(d, f), act=act
        ),
        "TTNNLinearAddNorm": lambda: Residual(first=make(d, f), norm=norm, drop=nn.Dropout(0.3)),
    }
    return rounded(made[kind]())


KINDS = (
    "TTNNMLP",
    "TTNNGatedMLP",
    "TTNNActivatedLinear",
    "TTNNActivatedLinear, normed",
    "TTNNLinearAddNorm",
)


class Model(nn.Module):
    """A model of one layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.layer(*args, **kwargs)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=leading,
    d=st.integers(2, 70),
    f=st.integers(2, 70),
    linears=st.sampled_from(list(LINEARS)),
    activation=st.sampled_from(ACTIVATIONS),
)
def test_a_known_form_gives_what_torch_gives(
    emulator: Any,
    kind: str,
    shape: tuple[int, ...],
    d: int,
    f: int,
    linears: str,
    activation: str,
) -> None:
    model = Model(build(kind, LINEARS[linears], activation, d, f)).eval()
    [found] = plan(model, "generic").replacements
    assert found.kernel.name == kind.partition(",")[0]
    inputs = [seeded(*shape, d, seed=1).bfloat16().float()]
    if kind == "TTNNLinearAddNorm":
        inputs.append(seeded(*shape, f, seed=2).bfloat16().float())
    expected = model(*inputs)
    modules = [id(m) for m in model.modules()]
    accelerate(model, emulator, strict=True)
    actual = model(*inputs)
    assert report(model).op_fallbacks == ()
    assert report(model).fallback_count == 0
    assert actual.shape == expected.shape
    assert relative_rms(expected, actual) < 0.03
    assert expected.numel() < 3 or pcc(expected, actual) > 0.999
    restore(model)
    assert [id(m) for m in model.modules()] == modules
    assert torch.equal(model(*inputs), expected)


def test_inputs_by_name_are_told_apart(emulator: Any) -> None:
    model = Model(build("TTNNLinearAddNorm", linear, "relu", 32, 32)).eval()
    x, rest = seeded(4, 32, seed=1), seeded(4, 32, seed=2)
    expected = model(x, rest)
    accelerate(model, emulator, strict=True)
    for actual in (model(rest=rest, hidden=x), model(x, rest=rest), model(hidden=x, rest=rest)):
        assert relative_rms(expected, actual) < 0.02


class Optional(Layers):
    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return self.second(self.act(self.first(x))) * scale


def test_an_input_that_the_form_has_not_runs_on_torch_visibly(emulator: Any) -> None:
    layer = Optional(first=linear(32, 48), act=nn.ReLU(), second=linear(48, 32))
    model = Model(rounded(layer)).eval()
    x = seeded(4, 32)
    once, twice = model(x), model(x, scale=2.0)
    accelerate(model, emulator)
    assert relative_rms(once, model(x)) < 0.02
    with pytest.warns(FallbackWarning, match="called with 2 inputs and computes with 1"):
        assert torch.equal(model(x, scale=2.0), twice)


class Swapped(Layers):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.second(self.first(x)))


class Doubled(Layers):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.act(self.first(x))) * 2


class FirstToken(Layers):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.first(x[:, 0]))


class Forgetful(Layers):
    def forward(self, x: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
        return self.norm(self.first(x))


class NormedTwice(Layers):
    def forward(self, x: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
        return self.norm(self.first(x)) + rest


class TwoResults(Layers):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.act(self.first(x))
        return self.second(hidden), hidden


def pair(cls: type[Layers]) -> nn.Module:
    return cls(first=linear(8, 12), act=nn.GELU(), second=linear(12, 8))


OTHERS = {
    "activation last": pair(Swapped),
    "doubled": pair(Doubled),
    "two results": pair(TwoResults),
    "pooler": FirstToken(first=linear(8, 8), act=nn.Tanh()),
    "no residual": Forgetful(first=linear(8, 8), norm=nn.LayerNorm(8)),
    "residual behind the norm": NormedTwice(first=linear(8, 8), norm=nn.LayerNorm(8)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_form_is_told_and_its_layers_are_replaced(name: str) -> None:
    layer = OTHERS[name]
    assert looks_like_mlp(layer)
    assert form_of(layer) is None
    made = plan(Model(layer), "generic")
    assert {r.path.rpartition(".")[2] for r in made.replacements} == set(layer._modules)
    [kept] = made.kept
    assert kept.reason == (
        f"TTNNMLP: the forward of {type(layer).__name__} computes no feed-forward form that is "
        "known, so that the layers in it are replaced one by one"
    )


def test_what_has_other_children_does_not_look_like_one() -> None:
    convolving = Mlp(first=nn.Conv1d(3, 3, 1), second=linear(3, 3), act=nn.ReLU())
    parametrised = pair(Mlp)
    parametrised.scale = nn.Parameter(torch.ones(1))
    odd = [
        nn.Sequential(linear(8, 8), nn.ReLU(), linear(8, 8)),
        nn.ModuleList([linear(8, 8), nn.ReLU()]),
        convolving,
        parametrised,
        Layers(first=linear(8, 8)),
        Layers(),
        linear(8, 8),
    ]
    assert [looks_like_mlp(module) for module in odd] == [False] * len(odd)


def test_a_probe_leaves_the_module_alone() -> None:
    layer = build("TTNNMLP", conv1d, "gelu", 8, 12).train()
    layer.first.register_forward_hook(lambda *_: pytest.fail("the probe runs nobody's hook"))
    before = copy.deepcopy({n: p.detach() for n, p in layer.named_parameters()})
    drawn = torch.random.get_rng_state()
    assert form_of(layer) is not None
    assert layer.training
    assert layer.act.training
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert all(torch.equal(p, before[n]) for n, p in layer.named_parameters())


def test_weights_without_values_are_no_hindrance() -> None:
    with torch.device("meta"):
        layer = Gated(first=linear(9, 5), act=nn.SiLU(), second=linear(5, 9), third=linear(5, 9))
    form = form_of(layer)
    assert form is not None
    assert form.linears == ("second", "third", "first")


def test_a_hook_on_a_layer_within_is_answered(emulator: Any) -> None:
    model = Model(build("TTNNMLP", linear, "gelu", 32, 48)).eval()
    x = seeded(2, 32)
    expected = model(x)
    accelerate(model, emulator)
    seen = []
    handle = model.layer.second.register_forward_hook(lambda *_: seen.append(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        assert torch.equal(model(x), expected)
    assert seen == [1]
    handle.remove()
    assert relative_rms(expected, model(x)) < 0.02


def test_weight_dtypes_go_by_role(emulator: Any) -> None:
    model = Model(build("TTNNMLP", linear, "gelu", 32, 48)).eval()
    accelerate(model, emulator, model_config={"weights": {"mlp": "bfloat8_b"}})
    assert model.layer.tt_first.tt_weight.dtype.name == "BFLOAT8_B"
    assert model.layer.tt_second.tt_weight.dtype.name == "BFLOAT8_B"
    assert_near(model.layer(seeded(4, 32)).to_torch, model.layer(seeded(4, 32)), 1e-6)
