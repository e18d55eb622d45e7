"""What TTNN refuses of matrix products for their place in memory, grid or supplied output."""

from __future__ import annotations

import math
from typing import Final

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.operations._matmul_blocks import (
    check_blocks,
    check_parts,
    check_second_blocks,
)
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    TILE_SIZE,
    BufferType,
    CoreGrid,
    DataType,
    MemoryConfig,
    TensorMemoryLayout,
    UnaryWithParam,
)

_INNER_BLOCK: Final = 2
"""Tiles of the inner dimension in a block of TTNN's program for operands in L1."""


def check_ranks(a: Tensor, b: Tensor) -> None:
    """Refuse scalars, and a second operand whose extra dimensions are no ones.

    Raises:
        OperationRefused: it is one of these.
    """
    left, right = a.spec.shape, b.spec.shape
    if not left or not right:
        raise OperationRefused(
            "ttnn.matmul: Both arguments to matmul need to be at least 1D, but got shapes "
            f"{a.shape} and {b.shape}",
            "Use ttnn.multiply for a scalar.",
        )
    if any(size != 1 for size in right[: max(0, len(right) - max(len(left), 2))]):
        raise OperationRefused(
            "When in1 rank greater than in0 rank front dimensions need to be 1",
            "Give the first operand as many dimensions.",
            a=left,
            b=right,
        )


def check_placement(
    a: Tensor,
    b: Tensor,
    *,
    memory_config: MemoryConfig | None,
    grid: CoreGrid | None,
    output: Tensor | None,
    fused: UnaryWithParam | None,
    transpose_a: bool,
    transpose_b: bool,
    wide_sums: bool,
) -> None:
    """Refuse what TTNN has no program for.

    Args:
        a: first operand.
        b: second operand.
        memory_config: output memory, if given.
        grid: the caller's ``core_grid``.
        output: the supplied output.
        fused: the activation.
        transpose_a: whether ``a`` is transposed.
        transpose_b: whether ``b`` is transposed.
        wide_sums: whether the sums are kept in float32.

    Raises:
        OperationRefused: a batch of one broadcasts with a grid, or in L1 over an odd number of
            tiles; a vector is in1 with a grid; or shards are where they can't be.
    """
    memory = output.memory_config() if output is not None else memory_config
    configs = [a.memory_config(), b.memory_config()] + ([memory] if memory is not None else [])
    in_l1 = any(c.buffer_type is BufferType.L1 for c in configs)
    inner = a.spec.padded_shape[-2 if transpose_a and len(a.spec.shape) > 1 else -1]
    empty = 0 in (*a.spec.shape, *b.spec.shape)
    if not empty and (grid is not None or (in_l1 and inner // TILE_SIZE % _INNER_BLOCK)):
        _check_broadcast(a, b)
    if len(b.spec.shape) < 2 and not empty:  # a vector
        _check_vector(a, b, grid, in_l1=in_l1, transpose_a=transpose_a)
    if configs[0].is_sharded() or configs[1].is_sharded():
        _check_shards(a, b, grid, fused, transpose_b=transpose_b)
        if math.prod(b.spec.shape[:-2]) > 1:
            check_blocks(
                a, b, transpose_a=transpose_a, transpose_b=transpose_b, wide_sums=wide_sums
            )
        else:
            check_parts(a, transpose_a=transpose_a)


def check_output_dtype(dtype: DataType | None, output: Tensor) -> None:
    """Refuse a dtype beside a supplied output of another one.

    Raises:
        OperationRefused: they differ.
    """
    if dtype is not None and dtype is not output.dtype:
        raise OperationRefused(
            f"Type mismatch between optional output tensor DataType::{output.dtype.name} & output "
            f"tensor DataType::{dtype.name}",
            "Leave dtype out.",
            dtype=dtype,
        )


def _check_broadcast(a: Tensor, b: Tensor) -> None:
    batch_a, batch_b = a.spec.shape[:-2], b.spec.shape[:-2]
    if math.prod(batch_b) <= 1:
        return
    for index, (x, y) in enumerate(zip(batch_a, batch_b, strict=False)):
        if x != y:
            raise OperationRefused(
                "bmm (non-bcast matmul) expects input tensors of shapes BCMK*BCKN=BCMN or batch "
                f"dimension {index} mismatch: a={x} vs b={y}",
                "Keep operands and output in DRAM and leave core_grid out, or repeat the first "
                "operand.",
                a=a.spec.shape,
                b=b.spec.shape,
            )


def _check_vector(
    a: Tensor, b: Tensor, grid: CoreGrid | None, *, in_l1: bool, transpose_a: bool
) -> None:
    if grid is not None and b.spec.shape[-1] > 1:
        raise OperationRefused(
            "The k dimension does not match between tensors",
            "Leave core_grid out, or give the second operand as [K, 1].",
        )
    shape = a.spec.shape
    if in_l1 and transpose_a and len(shape) > 1 and shape[-1] != shape[-2]:
        raise OperationRefused(
            "Attempting to reshape between two shapes with different volumes",
            "Keep operands and output in DRAM, or give the second operand as [K, 1].",
        )


def _check_shards(
    a: Tensor,
    b: Tensor,
    grid: CoreGrid | None,
    fused: UnaryWithParam | None,
    *,
    transpose_b: bool,
) -> None:
    layout, other = (t.memory_config().memory_layout for t in (a, b))
    if fused is not None:
        raise OperationRefused(
            f"Sharded matmul run with UnaryOpType::{fused.op_type.name} activation: this should be "
            "placed in the program config's fused_activation field",
            "Apply the activation afterwards.",
        )
    batched = math.prod(b.spec.shape[:-2]) > 1
    if layout is TensorMemoryLayout.WIDTH_SHARDED and batched:
        raise OperationRefused(
            "Input A memory layout must not be WIDTH_SHARDED, got: "
            "TensorMemoryLayout::WIDTH_SHARDED",
            "Move the operand with ttnn.to_memory_config.",
        )
    if not b.is_sharded():
        return
    if a.is_sharded() or grid is None or not batched:
        raise OperationRefused(
            "MatmulMultiCoreProgramConfig: Input B memory layout must be INTERLEAVED, got: "
            f"TensorMemoryLayout::{other.name}",
            "Move the operand with ttnn.to_memory_config.",
        )
    check_second_blocks(a, b, transpose_b=transpose_b)
