"""Norms, embedding, activations, attention and patches against torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import assert_near, leading, on_device, rounded, seeded, sizes
from torch import nn

from symbiote_core import FallbackWarning, TTNNExecutionError, runtime_of, use_runtime
from symbiote_ttnn import (
    AttentionLayers,
    TTNNEmbedding,
    TTNNGelu,
    TTNNLayerNorm,
    TTNNPatchEmbedding,
    TTNNReLU,
    TTNNRMSNorm,
    TTNNSelfAttention,
    TTNNSilu,
    TTNNTanh,
    add_in_place,
    cut_patches,
)

property_test = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
epsilons = st.sampled_from([1e-12, 1e-6, 1e-5, 1e-2])


@property_test
@given(shape=leading, d=st.integers(2, 70), eps=epsilons, affine=st.booleans())
def test_layer_norm(
    emulator: Any, shape: tuple[int, ...], d: int, eps: float, affine: bool
) -> None:
    layer = rounded(nn.LayerNorm(d, eps=eps, elementwise_affine=affine))
    x = seeded(*shape, d).bfloat16().float()
    assert_near(layer(x), on_device(TTNNLayerNorm, layer, emulator)(x), rms=0.02)


def test_the_epsilon_is_the_layers(emulator: Any) -> None:
    x = seeded(4, 64, scale=0.01).bfloat16().float()
    for eps in (1e-12, 1e-2):
        layer = rounded(nn.LayerNorm(64, eps=eps))
        assert_near(layer(x), on_device(TTNNLayerNorm, layer, emulator)(x), rms=0.02)


def test_layer_norm_over_two_dimensions_is_not_supported() -> None:
    assert "last dimension only, not over [4, 8]" in (
        TTNNLayerNorm.supports(nn.LayerNorm((4, 8))) or ""
    )


@property_test
@given(shape=leading, d=st.integers(2, 70), eps=st.sampled_from([1e-6, 1e-5, 1e-2]))
def test_rms_norm(emulator: Any, shape: tuple[int, ...], d: int, eps: float) -> None:
    layer = rounded(nn.RMSNorm(d, eps=eps))
    x = seeded(*shape, d).bfloat16().float()
    assert_near(layer(x), on_device(TTNNRMSNorm, layer, emulator)(x), rms=0.02)


@property_test
@given(shape=st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple), d=sizes)
def test_embedding_of_ids_of_any_rank(emulator: Any, shape: tuple[int, ...], d: int) -> None:
    layer = rounded(nn.Embedding(20, d))
    ids = torch.randint(0, 20, shape, generator=torch.Generator().manual_seed(d))
    out = on_device(TTNNEmbedding, layer, emulator)(ids)
    assert torch.equal(out.to_torch, layer(ids))


def test_ids_outside_of_the_table_get_torchs_error(emulator: Any) -> None:
    module = on_device(TTNNEmbedding, rounded(nn.Embedding(20, 32)), emulator)
    with pytest.raises(TTNNExecutionError, match="ids from 3 to 20 do not fit a table of 20 rows"):
        module(torch.tensor([3, 20]))
    module._symbiote.strict = False
    with pytest.raises(IndexError):
        module(torch.tensor([3, 20]))


@pytest.mark.parametrize(
    ("kernel", "layer"),
    [
        (TTNNGelu, nn.GELU()),
        (TTNNGelu, nn.GELU(approximate="tanh")),
        (TTNNSilu, nn.SiLU()),
        (TTNNReLU, nn.ReLU()),
        (TTNNTanh, nn.Tanh()),
    ],
    ids=str,
)
@property_test
@given(shape=leading)
def test_activations(emulator: Any, kernel: Any, layer: nn.Module, shape: tuple[int, ...]) -> None:
    x = seeded(*shape, 33, scale=2.0).bfloat16().float()
    assert_near(layer(x), on_device(kernel, layer.eval(), emulator)(x))


def test_the_two_forms_of_gelu_differ(emulator: Any) -> None:
    x = torch.linspace(-4, 4, 256).reshape(1, 256).bfloat16().float()
    erf = on_device(TTNNGelu, nn.GELU().eval(), emulator)(x).to_torch
    tanh = on_device(TTNNGelu, nn.GELU(approximate="tanh").eval(), emulator)(x).to_torch
    assert not torch.equal(erf, tanh)


class Attention(nn.Module):
    """Plain self-attention of ``heads`` heads."""

    def __init__(self, width: int, heads: int, project: bool, biases: str) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias="q" in biases)
        self.key = nn.Linear(width, width, bias="k" in biases)
        self.value = nn.Linear(width, width, bias="v" in biases)
        self.out = nn.Linear(width, width) if project else None
        self.heads, self.size = heads, width // heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = (
            layer(x).reshape(batch, length, self.heads, self.size).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = torch.softmax(q @ k.transpose(-2, -1) / self.size**0.5, -1) @ v
        merged = mixed.transpose(1, 2).reshape(batch, length, width)
        return merged if self.out is None else self.out(merged)


class TTNNAttention(TTNNSelfAttention):
    """The kernel for it."""

    @classmethod
    def layers_of(cls, torch_layer: nn.Module) -> AttentionLayers:
        layer: Any = torch_layer
        return AttentionLayers(
            layer.query, layer.key, layer.value, layer.heads, layer.size, layer.out
        )


@property_test
@given(
    batch=st.integers(1, 3),
    length=st.integers(1, 70),
    heads=st.integers(1, 3),
    size=st.sampled_from([32, 64]),
    project=st.booleans(),
    biases=st.sampled_from(["", "qkv", "qv"]),
)
def test_self_attention(
    emulator: Any, batch: int, length: int, heads: int, size: int, project: bool, biases: str
) -> None:
    layer = Attention(heads * size, heads, project, biases).eval()
    x = seeded(batch, length, heads * size).bfloat16().float()
    assert_near(layer(x), on_device(TTNNAttention, layer, emulator)(x), rms=0.02)


def test_heads_that_are_no_whole_tiles_are_not_supported() -> None:
    reason = TTNNAttention.supports(Attention(48, 2, True, "qkv"))
    assert reason == "head size 24 is not a multiple of 32"
    assert "its structure is not known" in (TTNNAttention.supports(nn.Linear(4, 4)) or "")


class Patches(nn.Module):
    """A patch embedding as transformers has it."""

    def __init__(self, channels: int, width: int, patch: tuple[int, int], **options: Any) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, width, patch, **({"stride": patch} | options))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.projection(x).flatten(2).transpose(1, 2)


@property_test
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 4),
    patch=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    grid=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    rest=st.integers(0, 3),
)
def test_patch_embedding(
    emulator: Any,
    batch: int,
    channels: int,
    patch: tuple[int, int],
    grid: tuple[int, int],
    rest: int,
) -> None:
    layer = rounded(Patches(channels, 40, patch))
    height = patch[0] * grid[0] + min(rest, patch[0] - 1)
    width = patch[1] * grid[1] + min(rest, patch[1] - 1)
    x = seeded(batch, channels, height, width).bfloat16().float()
    assert_near(layer(x), on_device(TTNNPatchEmbedding, layer, emulator)(x), rms=0.02)
    rows = cut_patches(x, *patch).float()
    behind = cut_patches(x, *patch, empty_rows=2).float()
    assert torch.equal(behind[:, 2:], rows)
    assert not behind[:, :2].any()
    assert torch.allclose(
        rows @ layer.projection.weight.flatten(1).t() + layer.projection.bias, layer(x), atol=1e-3
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"stride": (2, 2)}, "stride (2, 2) differ"),
        ({"padding": 1}, "it pads by"),
        ({"groups": 2}, "groups=2"),
    ],
)
def test_other_convolutions_are_not_supported(options: dict[str, Any], reason: str) -> None:
    assert reason in (TTNNPatchEmbedding.supports(Patches(2, 4, (4, 4), **options)) or "")


def test_a_freed_weight_falls_back_with_the_reason(emulator: Any) -> None:
    from symbiote_ttnn import TTNNLinear, ttnn

    layer = rounded(nn.Linear(32, 32))
    module = on_device(TTNNLinear, layer, emulator)
    x = seeded(2, 32)
    module(x)
    ttnn.deallocate(module.tt_weight)
    with pytest.raises(TTNNExecutionError, match=r"failed in ttnn\.linear .* not allocated"):
        module(x)
    module._symbiote.strict = False
    with pytest.warns(FallbackWarning, match="not allocated"):
        assert torch.equal(module(x), layer(x))


@pytest.mark.parametrize("shape", [(2, 40, 64), (1, 40, 64), (40, 64)])
def test_adding_in_place_takes_no_memory_and_leaves_the_other(
    emulator: Any, shape: tuple[int, ...]
) -> None:
    ttnn = runtime_of(emulator).ttnn
    own, other = (
        ttnn.from_torch(x, layout=ttnn.TILE_LAYOUT, dtype=ttnn.bfloat16, device=emulator)
        for x in (seeded(2, 40, 64), seeded(*shape) + 1)
    )
    kept, before = ttnn.to_torch(other), runtime_of(emulator).memory(emulator).allocated
    want = ttnn.to_torch(ttnn.add(own, other))
    with use_runtime(runtime_of(emulator)):
        out = add_in_place(own, other)
    assert out is own
    assert torch.equal(ttnn.to_torch(own), want)
    assert torch.equal(ttnn.to_torch(other), kept)
    assert runtime_of(emulator).memory(emulator).allocated == before
