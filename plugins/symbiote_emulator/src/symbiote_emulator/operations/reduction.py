# ruff: noqa: ARG001 - the parameters are TTNN's, not all of them matter here
"""Reductions: mean, sum, greatest and least."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from symbiote_emulator.errors import NotImitated, OperationRefused
from symbiote_emulator.numerics import FLOATS
from symbiote_emulator.operations._common import emit
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DataType,
    Layout,
    MemoryConfig,
    StorageType,
    WormholeComputeKernelConfig,
)

_REDUCED = (DataType.FLOAT32, DataType.BFLOAT16, DataType.BFLOAT8_B, DataType.UINT32)
Dims = int | Sequence[int] | None
Reduce = Callable[[torch.Tensor, list[int]], torch.Tensor]


@operation("ttnn.mean")
def mean(
    input_tensor: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    memory_config: MemoryConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    scalar: float = 1.0,
    correction: bool | None = None,
    sub_core_grids: Any = None,
    fast_and_approximate_mode: bool = False,
    output_layout: Layout | None = None,
) -> Tensor:
    """Mean over dimensions, times ``scalar``; over all of them if ``dim`` is left out."""
    if input_tensor.dtype in (DataType.INT32, DataType.UINT32):
        raise OperationRefused(
            f"ttnn.mean does not support integer inputs - got DataType::{input_tensor.dtype.name}.",
            "Convert it with ttnn.typecast.",
        )

    def reduce(value: torch.Tensor, dims: list[int]) -> torch.Tensor:
        return value.to(torch.float32).mean(dims, keepdim=True) * scalar

    return _run(input_tensor, dim, keepdim, memory_config, reduce, "mean", output_layout)


@operation("ttnn.sum")
def sum_(
    input_tensor: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    memory_config: MemoryConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    scalar: float = 1.0,
    correction: bool | None = None,
    sub_core_grids: Any = None,
    fast_and_approximate_mode: bool = False,
    output_layout: Layout | None = None,
) -> Tensor:
    """Sum over dimensions, times ``scalar``; over all of them if ``dim`` is left out."""

    def reduce(value: torch.Tensor, dims: list[int]) -> torch.Tensor:
        return value.sum(dims, keepdim=True) * scalar

    # TTNN has another program for a sum that it need not scale.
    kind = "sum" if scalar == 1.0 else "scaled sum"
    return _run(input_tensor, dim, keepdim, memory_config, reduce, kind, output_layout)


@operation("ttnn.max")
def max_(
    input_tensor: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    memory_config: MemoryConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    scalar: float = 1.0,
    correction: bool | None = None,
    sub_core_grids: Any = None,
    fast_and_approximate_mode: bool = False,
) -> Tensor:
    """Greatest value over dimensions, times ``scalar``; over all of them by default."""

    def reduce(value: torch.Tensor, dims: list[int]) -> torch.Tensor:
        return value.amax(dims, keepdim=True) * scalar

    return _run(input_tensor, dim, keepdim, memory_config, reduce, "max", None)


@operation("ttnn.min")
def min_(
    input_tensor: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    memory_config: MemoryConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    scalar: float = 1.0,
    correction: bool | None = None,
    sub_core_grids: Any = None,
    fast_and_approximate_mode: bool = False,
) -> Tensor:
    """Least value over dimensions, times ``scalar``; over all of them by default."""

    def reduce(value: torch.Tensor, dims: list[int]) -> torch.Tensor:
        return value.amin(dims, keepdim=True) * scalar

    return _run(input_tensor, dim, keepdim, memory_config, reduce, "min", None)


def _run(
    x: Tensor,
    dim: Dims,
    keepdim: bool,
    memory_config: MemoryConfig | None,
    reduce: Reduce,
    kind: str,
    output_layout: Layout | None,
) -> Tensor:
    rank = len(x.spec.shape)
    dims = _dimensions(dim, rank)
    if x.storage_type() is not StorageType.DEVICE:
        raise OperationRefused(
            "Expected input tensor to be on device", "Move it with ttnn.to_device(tensor, device)."
        )
    device = x.device()
    if device is None:
        raise OperationRefused(
            "Input Tensor is not allocated", "Keep the tensor until its last use."
        )
    # TTNN copies a scalar, and fills the result of no elements, whatever the dtype and layout.
    trivial = not rank or not x.logical_volume()
    padded = x.layout is Layout.TILE and x.spec.padded_shape != x.spec.shape
    if trivial and padded and x.dtype is DataType.UINT8:
        raise OperationRefused(
            "Unsupported datatype DataType::UINT8", "Convert it with ttnn.typecast."
        )
    if (
        not trivial
        and x.dtype not in _REDUCED
        and not (x.dtype is DataType.INT32 and kind != "mean")
    ):
        raise OperationRefused(
            "Only FLOAT32, BFLOAT16, BFLOAT8_B, and UINT32 are supported for generic reduction "
            f"(INT32 is supported for MAX/MIN/SUM) - got DataType::{x.dtype.name}",
            "Convert it with ttnn.typecast.",
        )
    _check_shards(x, memory_config)
    floating = x.dtype in FLOATS
    value = x.value.to(torch.float32 if floating else torch.int64)
    result = reduce(value, dims) if dims else value.clone()
    if not keepdim:
        kept = [size for i, size in enumerate(result.shape) if i not in dims]
        result = result.reshape(kept)
    return emit(
        result if floating else result.to(torch.int64),
        device,
        dtype=x.dtype,
        layout=output_layout or (x.layout if trivial else _layout(x, dims, kind)),
        memory_config=memory_config or x.memory_config(),
    )


def _check_shards(x: Tensor, memory_config: MemoryConfig | None) -> None:
    """Refuse sharded batches with padding, which TTNN can't fill, and sharded results."""
    if not x.is_sharded():
        return
    shape = x.spec.shape
    if x.layout is Layout.TILE and math.prod(shape[:-2]) > 1 and shape != x.spec.padded_shape:
        raise OperationRefused(
            "FillPadL1ShardedProgramFactory: N_slices > 1 not yet supported",
            "Move it to interleaved memory with ttnn.to_memory_config.",
        )
    if memory_config is None or memory_config.is_sharded():
        raise NotImitated(
            "The input is sharded, and TTNN chooses the shards of the result.",
            "Pass a memory_config that is interleaved.",
        )


def _dimensions(dim: Dims, rank: int) -> list[int]:
    """The dimensions counted from the front, each once.

    Raises:
        OperationRefused: one is out of range, or there twice.
    """
    if dim is None:
        return list(range(rank))
    given = [int(dim)] if isinstance(dim, int) else [int(d) for d in dim]
    if not given:
        return list(range(rank))
    found = []
    for index, number in enumerate(given):
        normal = number + max(rank, 1) if number < 0 else number
        if not (0 <= normal < rank or (rank == 0 and normal == 0)):
            raise OperationRefused(
                f"Unsupported dim {normal} at index {index}. After possible adjustment, needs to "
                f"be at least 0 and less than rank {rank}, or exactly 0 for a rank 0 tensor.",
                "Pass dimensions of the tensor.",
            )
        found.append(normal)
    found.sort()
    for index in range(1, len(found)):
        if found[index] == found[index - 1]:
            raise OperationRefused(
                "reduce dim list contains a duplicate axis after sorting (indices "
                f"{index - 1} and {index}, value {found[index]})",
                "Name each dimension once.",
            )
    return found


def _layout(x: Tensor, dims: list[int], kind: str) -> Layout:
    """Sums and means of row-major floats stay row major, with two exceptions.

    These are exactly the last two dimensions, and unscaled sums of BFLOAT16 over one before them.
    """
    rank = len(x.spec.shape)
    if x.layout is Layout.TILE or kind in ("max", "min") or x.dtype not in FLOATS:
        return Layout.TILE
    matrix = len(dims) == 2 and dims[0] == rank - 2
    outer = any(d < rank - 2 for d in dims)
    if matrix or (outer and kind == "sum" and x.dtype is DataType.BFLOAT16):
        return Layout.TILE
    return Layout.ROW_MAJOR
