"""How far values may be from a float64 golden, by class of operation.

The golden is computed from the stored operands: rounded to their dtype, and cut to the passes of
the multipliers where the fidelity says so. ``ulp`` is bfloat16's, around the golden.

| class | bound |
|---|---|
| `exact` | 0: moves, comparisons, relu, neg, maximum, where, typecast |
| `sum_or_product` | 0.5 ulp + 2^-126: add, subtract, multiply, divide |
| `unary` | 1 ulp + 2^-24 |
| `row` | 1 ulp, or 2^-7 of the row's largest value where terms cancel: softmax and norms |
| `reduction` | 1 ulp + 2^-20 of the sum of magnitudes: sum and mean |
| `product` | 2^-8 abs(g) + 2^-18 (abs(X) @ abs(W)): matmul and linear |
| `block_float` | one step of the block of the golden: any bfloat8_b or bfloat4_b result |

Whole kernels and models are held to the bounds of `symbiote_conformance.closeness`.
"""

from __future__ import annotations

from typing import Final

import torch

SMALLEST: Final = 2.0**-126
"""The smallest normal number of bfloat16 and float32."""

_BLOCK: Final = 16
_MAGNITUDE_BITS: Final = {"bfloat8_b": 7, "bfloat4_b": 3}


class ToleranceExceededError(AssertionError):
    """Values are further from the golden than allowed.

    Args:
        error: the largest error.
        bound: what is allowed there.
        index: where, in the logical shape.
        times: how many times the bound the error is.
    """

    def __init__(self, error: float, bound: float, index: tuple[int, ...], times: float) -> None:
        super().__init__(
            f"{error:.6g} off at {list(index)}, allowed {bound:.6g} ({times:.2f} times the bound)."
        )
        self.error = error
        self.bound = bound
        self.index = index
        self.times = times


def ulp(golden: torch.Tensor) -> torch.Tensor:
    """The distance of bfloat16 values around ``golden`` [...], in float64."""
    exponent = golden.double().abs().clamp(min=SMALLEST).log2().floor()
    return torch.exp2(exponent - 7)


def exact(golden: torch.Tensor) -> torch.Tensor:
    """No error at all."""
    return torch.zeros_like(golden, dtype=torch.float64)


def sum_or_product(golden: torch.Tensor) -> torch.Tensor:
    """Half an ulp: one rounding."""
    return 0.5 * ulp(golden) + SMALLEST


def unary(golden: torch.Tensor) -> torch.Tensor:
    """One ulp."""
    return ulp(golden) + 2.0**-24


def row(golden: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """One ulp, or 2^-7 of the largest value along ``dim``."""
    if not golden.numel():
        return ulp(golden)
    return torch.maximum(ulp(golden), 2.0**-7 * golden.abs().amax(dim, keepdim=True)) + SMALLEST


def reduction(golden: torch.Tensor, magnitude: torch.Tensor) -> torch.Tensor:
    """One ulp and 2^-20 of ``magnitude``, the same reduction of the absolute values."""
    return ulp(golden) + 2.0**-20 * magnitude


def product(golden: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The bound of ``left @ right``, one rounding and float32 sums."""
    return 2.0**-8 * golden.abs() + 2.0**-18 * (left.abs() @ right.abs()) + SMALLEST


def block_float(golden: torch.Tensor, dtype: str) -> torch.Tensor:
    """One step of the block of 16 values of a row of the golden.

    Args:
        golden: [..., W] in float64.
        dtype: ``bfloat8_b`` or ``bfloat4_b``.
    """
    width = golden.shape[-1] if golden.dim() else 1
    if not golden.numel():
        return torch.zeros_like(golden)
    values = golden.reshape(-1, width)
    padded = torch.nn.functional.pad(values, (0, -width % _BLOCK))
    blocks = padded.shape[-1] // _BLOCK
    largest = padded.reshape(values.shape[0], blocks, _BLOCK).abs().amax(-1).clamp(min=SMALLEST)
    # What is packed is the golden with an error of its own, which may carry into the exponent.
    exponent = (largest * (1 + 2.0**-7)).log2().floor()
    step = torch.exp2(exponent - (_MAGNITUDE_BITS[dtype] - 1))
    return step.repeat_interleave(_BLOCK, -1)[:, :width].reshape(golden.shape)


def worst(actual: torch.Tensor, golden: torch.Tensor, bound: torch.Tensor) -> float:
    """The largest error in bounds: at most 1.0 where all values are within.

    It is infinite where one of the two is a NaN and the other is not.

    Args:
        actual: the values [...], of any dtype.
        golden: [...] in float64.
        bound: what is allowed, broadcastable to the shape.
    """
    if not golden.numel():
        return 0.0
    values = actual.double()
    same = (values == golden) | (values.isnan() & golden.isnan())
    times = (values - golden).abs() / bound
    times = torch.where(same, 0.0, times).nan_to_num(nan=float("inf"))
    return float(times.max())


def assert_within(actual: torch.Tensor, golden: torch.Tensor, bound: torch.Tensor) -> None:
    """``actual`` is nowhere further from ``golden`` than ``bound``.

    Args:
        actual: the values [...], of any dtype.
        golden: [...] in float64.
        bound: what is allowed, broadcastable to the shape.

    Raises:
        ToleranceExceededError: it is; an AssertionError.
        ValueError: the shapes differ.
    """
    if actual.shape != golden.shape:
        raise ValueError(
            f"The values are {list(actual.shape)}, the golden is {list(golden.shape)}: compare "
            "tensors of one shape."
        )
    if worst(actual, golden, bound) <= 1.0:
        return
    allowed = bound.double().expand(golden.shape)
    error = (actual.double() - golden).abs()
    times = (error / allowed).nan_to_num(nan=float("inf"))
    flat = int(times.argmax())
    index = tuple(int(i) for i in torch.unravel_index(torch.tensor(flat), golden.shape))
    raise ToleranceExceededError(
        float(error.flatten()[flat]),
        float(allowed.flatten()[flat]),
        index,
        float(times.flatten()[flat]),
    )
