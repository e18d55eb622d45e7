from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from emulator_golden import (
    assert_within,
    on_device,
    property_test,
    seeds,
    shapes,
    stored,
    values,
)
from hypothesis import given
from hypothesis import strategies as st

from symbiote_conformance.tolerances import sum_or_product, ulp, unary
from symbiote_emulator import ttnn

ARITHMETIC: dict[str, Callable[..., torch.Tensor]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "rsub": lambda a, b: b - a,
}
EXACT: dict[str, Callable[..., torch.Tensor]] = {
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "eq": torch.eq,
    "ne": torch.ne,
    "gt": torch.gt,
    "ge": torch.ge,
    "lt": torch.lt,
    "le": torch.le,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
}
UNARY: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], float, float]] = {
    "gelu": (torch.nn.functional.gelu, -4, 4),
    "silu": (torch.nn.functional.silu, -8, 8),
    "tanh": (torch.tanh, -4, 4),
    "sigmoid": (torch.sigmoid, -8, 8),
    "exp": (torch.exp, -8, 8),
    "log": (torch.log, 0.01, 90),
    "sqrt": (torch.sqrt, 0, 90),
    "rsqrt": (torch.rsqrt, 0.01, 90),
    "reciprocal": (torch.reciprocal, 0.1, 90),
    "sin": (torch.sin, -3, 3),
    "cos": (torch.cos, -3, 3),
    "erf": (torch.erf, -3, 3),
    "square": (torch.square, -9, 9),
    "relu6": (torch.nn.functional.relu6, -9, 9),
    "selu": (torch.nn.functional.selu, -4, 4),
}
EXACT_UNARY = {"relu": torch.relu, "neg": torch.neg, "abs": torch.abs, "sign": torch.sign}


@pytest.mark.parametrize("name", ARITHMETIC)
@property_test
@given(shape=shapes, seed=seeds, ones=st.sets(st.integers(0, 3)))
def test_arithmetic(
    device: Any, name: str, shape: tuple[int, ...], seed: int, ones: set[int]
) -> None:
    other = tuple(1 if i in ones else n for i, n in enumerate(shape))
    a, b = values(shape, seed), (values(other, seed + 1).abs() + 0.5).bfloat16().float()
    out = getattr(ttnn, name)(on_device(a, device), on_device(b, device))
    g = ARITHMETIC[name](a.double(), b.double())
    assert_within(out, g, sum_or_product(g))


@pytest.mark.parametrize("name", EXACT)
@property_test
@given(shape=shapes, seed=seeds)
def test_choices_and_comparisons_are_exact(
    device: Any, name: str, shape: tuple[int, ...], seed: int
) -> None:
    a, b = values(shape, seed).round(), values(shape, seed + 1).round()
    out = getattr(ttnn, name)(on_device(a, device), on_device(b, device))
    assert torch.equal(stored(out), EXACT[name](a, b).double())
    assert out.dtype is ttnn.bfloat16


@pytest.mark.parametrize("name", UNARY)
@property_test
@given(shape=shapes, seed=seeds)
def test_unaries(device: Any, name: str, shape: tuple[int, ...], seed: int) -> None:
    function, low, high = UNARY[name]
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(shape, generator=generator) * (high - low) + low).bfloat16().float()
    g = function(x.double())
    assert_within(getattr(ttnn, name)(on_device(x, device)), g, unary(g))


@pytest.mark.parametrize("name", EXACT_UNARY)
def test_exact_unaries(device: Any, name: str) -> None:
    x = values((3, 40))
    assert torch.equal(
        stored(getattr(ttnn, name)(on_device(x, device))), EXACT_UNARY[name](x).double()
    )


def test_gelu_is_right_to_an_ulp_for_every_bfloat16(device: Any) -> None:
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(torch.bfloat16)
    x = bits[bits.isfinite()].reshape(1, -1)
    wide, t = x.double(), on_device(x, device)
    inner = (2 / torch.pi) ** 0.5 * (wide + 0.044715 * wide**3)
    for variant, g in (
        (None, 0.5 * wide * torch.special.erfc(-wide * 0.5**0.5)),
        (ttnn.GeluVariant.Tanh, wide * torch.sigmoid(2 * inner)),
    ):
        out = ttnn.gelu(t) if variant is None else ttnn.gelu(t, variant=variant)
        assert_within(out, g, ulp(g) + 2.0**-126)


def test_both_forms_of_gelu(device: Any) -> None:
    x = torch.linspace(-4, 4, 512).reshape(1, 512).bfloat16().float()
    tanh = ttnn.gelu(on_device(x, device), variant=ttnn.GeluVariant.Tanh)
    g = torch.nn.functional.gelu(x.double(), approximate="tanh")
    assert_within(tanh, g, ulp(g) + 2.0**-20)
    assert not torch.equal(stored(tanh), stored(ttnn.gelu(on_device(x, device))))


@property_test
@given(seed=seeds, exponent=st.sampled_from([2, 3, 0.5, -1.0]))
def test_pow(device: Any, seed: int, exponent: float) -> None:
    x = values((2, 33), seed).abs() + 0.5
    x = x.bfloat16().float()
    g = x.double() ** exponent
    assert_within(ttnn.pow(on_device(x, device), exponent), g, ulp(g))


def test_a_swiglu_is_one_operation(device: Any) -> None:
    a, b = values((4, 64)), values((4, 64), 1)
    out = ttnn.multiply(
        on_device(a, device),
        on_device(b, device),
        input_tensor_a_activations=[ttnn.UnaryOpType.SILU],
    )
    g = torch.nn.functional.silu(a.double()) * b.double()
    assert_within(out, g, ulp(g))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (ttnn.bfloat16, ttnn.float32, ttnn.bfloat16),
        (ttnn.float32, ttnn.bfloat16, ttnn.float32),
        (ttnn.bfloat4_b, ttnn.float32, ttnn.bfloat4_b),
    ],
)
def test_the_first_of_two_float_dtypes_is_the_results(
    device: Any, a: Any, b: Any, expected: Any
) -> None:
    x, y = on_device(torch.ones(2, 32), device, a), on_device(torch.ones(2, 32), device, b)
    assert ttnn.add(x, y).dtype is expected


def test_integers(device: Any) -> None:
    x = on_device(torch.tensor([[1, 2, 3]]), device, ttnn.int32)
    assert stored(ttnn.add(x, 2)).tolist() == [[3, 4, 5]]
    assert ttnn.multiply(x, 1.5).dtype is ttnn.float32
    assert ttnn.divide(x, x).dtype is ttnn.float32
    with pytest.raises(RuntimeError, match=r"cannot represent the scalar 1\.5"):
        ttnn.add(x, 1.5)
    with pytest.raises(RuntimeError, match="Mixed dtype is not supported"):
        ttnn.add(x, on_device(torch.ones(1, 3), device))
    with pytest.raises(RuntimeError, match="does not support integer input dtype DataType::INT32"):
        ttnn.gelu(x)


def test_whole_numbers_beside_integers_count_by_their_bits(device: Any) -> None:
    x = on_device(torch.tensor([[5, 7]]), device, ttnn.uint32)
    assert stored(ttnn.add(x, -1)).tolist() == [[4, 6]]
    with pytest.raises(RuntimeError, match=r"cannot represent the scalar -1\.0"):
        ttnn.add(x, -1.0)
    with pytest.raises(RuntimeError, match="cannot represent the scalar 4294967296"):
        ttnn.eq(x, 2**32)
    assert ttnn.multiply(x, 2**32).dtype is ttnn.float32


def test_a_rounded_quotient_by_zero_is_no_error(device: Any) -> None:
    x = on_device(torch.tensor([[7, -7, 7]]), device, ttnn.int32)
    y = on_device(torch.tensor([[2, 2, 0]]), device, ttnn.int32)
    assert stored(ttnn.divide(x, y, rounding_mode="floor")).tolist() == [[3, -4, 0]]
    assert stored(ttnn.divide(x, y, rounding_mode="trunc")).tolist() == [[3, -3, 0]]


@pytest.mark.parametrize("dtype", [ttnn.bfloat16, ttnn.int32])
def test_logical_not(device: Any, dtype: Any) -> None:
    out = ttnn.logical_not(on_device(torch.tensor([[0, 3, -2]]), device, dtype))
    assert stored(out).tolist() == [[1, 0, 0]]
    assert out.dtype is dtype


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize(
    "where", ["activations", "input_tensor_a_activations", "input_tensor_b_activations"]
)
def test_an_activation_beside_a_number_is_refused(device: Any, name: str, where: str) -> None:
    x = on_device(values((2, 33)), device)
    with pytest.raises(RuntimeError, match=r"TTNN 0\.81\.1 gives a wrong result here"):
        getattr(ttnn, name)(x, 0.5, **{where: [ttnn.UnaryOpType.RELU]})
    getattr(ttnn, name)(x, x, **{where: [ttnn.UnaryOpType.RELU]})


def test_functions_of_a_parameter_follow_each_other(device: Any) -> None:
    x = values((2, 33)).bfloat16().float()
    chain = [
        ttnn.UnaryWithParam(ttnn.UnaryOpType.MUL_UNARY_SFPU, 1.702),
        ttnn.UnaryWithParam(ttnn.UnaryOpType.ADD_UNARY_SFPU, 0.5),
        ttnn.UnaryWithParam(ttnn.UnaryOpType.SIGMOID),
    ]
    there = on_device(x, device)
    out = stored(ttnn.multiply(there, there, input_tensor_b_activations=chain))
    expected = x * torch.sigmoid(1.702 * x + 0.5)
    assert torch.allclose(out.float(), expected, rtol=2**-7, atol=1e-6)


def test_rows_without_elements(device: Any) -> None:
    x = on_device(torch.ones(2, 0), device, layout=ttnn.ROW_MAJOR_LAYOUT)
    assert tuple(ttnn.add(x, 2).shape) == (2, 0)
    for call in (
        lambda: ttnn.add(x, x),
        lambda: ttnn.where(x, x, 1.0),
        lambda: ttnn.clamp(x, x, x),
        lambda: ttnn.pow(x, 1),
    ):
        with pytest.raises(RuntimeError, match="crashes the process"):
            call()


def test_shapes_that_do_not_broadcast(device: Any) -> None:
    with pytest.raises(RuntimeError, match="dim a: 33, dim b: 32"):
        ttnn.add(on_device(torch.ones(2, 33), device), on_device(torch.ones(2, 32), device))


def test_what_kills_the_process_on_ttnn_is_refused(device: Any) -> None:
    host = ttnn.from_torch(torch.ones(2, 2), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT)
    with pytest.raises(RuntimeError, match="crashes the process"):
        ttnn.relu(host)


@property_test
@given(shape=shapes, seed=seeds)
def test_where_and_clamp(device: Any, shape: tuple[int, ...], seed: int) -> None:
    mask, a, b = (values(shape, seed + i).round() for i in range(3))
    out = ttnn.where(*(on_device(t, device) for t in (mask, a, b)))
    assert torch.equal(stored(out), torch.where(mask != 0, a, b).double())
    clamped = ttnn.clamp(on_device(a, device), -1.0, 1.0)
    assert torch.equal(stored(clamped), a.clamp(-1, 1).double())
