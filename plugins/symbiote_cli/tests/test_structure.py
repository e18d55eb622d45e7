"""What a module computes is found out by running it, and not by its names."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from symbiote_cli.scaffold.structure import Structure, structure_of, structures
from symbiote_cli.scaffold.tiny import sizes_of


class Mlp(nn.Module):
    """A module of two linear layers whose names tell the wrong order."""

    def __init__(self, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.second = nn.Linear(8, 16)
        self.first = nn.Linear(16, 8)
        self.activation = activation or nn.GELU()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.first(self.activation(self.second(x))))


class Residual(Mlp):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


class Scaled(Mlp):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1.01 * super().forward(x)


class Idle(Mlp):
    """Does not use its activation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(self.second(x))


class Masked(Mlp):
    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x) * mask


class Normed(Mlp):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(16, 8), nn.Linear(8, 16), nn.Linear(8, 16)
        self.act = nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(self.b(x) * self.act(self.c(x)))


class Activated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense, self.act = nn.Linear(8, 4), nn.GELU(approximate="tanh")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.dense(x))


def test_the_roles_are_those_of_the_data() -> None:
    roles = {"up": "second", "down": "first", "act": "activation"}
    found = structure_of(Mlp().eval())
    assert found == Structure("mlp", roles, True)
    assert found.formula == "first(activation(second(x)))"


def test_a_gate_is_told_from_what_it_opens() -> None:
    roles = {"gate": "c", "up": "b", "down": "a", "act": "act"}
    assert structure_of(Gated().eval()) == Structure("gated", roles, True)


def test_an_activation_that_is_not_fused() -> None:
    found = structure_of(Activated().eval())
    assert found == Structure("activated", {"up": "dense", "act": "act"}, False)


@pytest.mark.parametrize("cls", [Residual, Scaled, Idle, Masked, Normed])
def test_what_computes_something_else_is_left(cls: Any) -> None:
    assert structure_of(cls().eval()) is None


def test_an_activation_that_ttnn_lacks() -> None:
    assert structure_of(Mlp(nn.Softsign()).eval()) is None


def test_looking_changes_nothing() -> None:
    module = Mlp().eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    structure_of(module)
    assert all(torch.equal(t, before[n]) for n, t in module.state_dict().items())


def test_the_first_of_each_class_is_told() -> None:
    model = nn.Sequential(nn.Sequential(Mlp(), Mlp()), Gated(), Residual()).eval()
    assert [(path, s.kind) for path, _, s in structures(model)] == [("0.0", "mlp"), ("1", "gated")]


def test_sizes_are_those_that_a_configuration_has() -> None:
    from transformers import AutoConfig

    clip = sizes_of(AutoConfig.for_model("clip"))
    assert clip["vision_config"]["image_size"] == 32
    assert clip["text_config"]["num_hidden_layers"] == 2
    assert "num_heads" not in sizes_of(AutoConfig.for_model("swin"))  # it has one for each stage
