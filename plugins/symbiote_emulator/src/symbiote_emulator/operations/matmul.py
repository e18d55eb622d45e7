# ruff: noqa: ARG001 - the parameters are TTNN's, not all of them matter here
"""Matrix products."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.numerics import (
    FLOATS,
    default_fidelity,
)
from symbiote_emulator.operations._activations import (
    FUSABLE,
    apply,
    parse_activation,
    takes,
)
from symbiote_emulator.operations._common import (
    emit,
    fill_output,
    require_device,
    require_tile,
)
from symbiote_emulator.operations._matmul_bias import (
    addend,
    check_added_bias,
    check_bias,
    check_l1_transposes,
    is_added_apart,
    summed_shape,
)
from symbiote_emulator.operations._matmul_checks import (
    check_output_dtype,
    check_placement,
    check_ranks,
)
from symbiote_emulator.operations._product import product
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import TensorSpec
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    BufferType,
    CoreGrid,
    DataType,
    Layout,
    MatmulProgramConfig,
    MemoryConfig,
    StorageType,
    Tile,
    UnaryWithParam,
    WormholeComputeKernelConfig,
)


@operation("ttnn.linear")
def linear(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor,
    *,
    bias: Tensor | None = None,
    transpose_a: bool = False,
    transpose_b: bool = False,
    memory_config: MemoryConfig | None = None,
    dtype: DataType | None = None,
    program_config: MatmulProgramConfig | None = None,
    activation: str | UnaryWithParam | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    core_grid: CoreGrid | None = None,
    output_tile: Tile | None = None,
    optional_output_tensor: Tensor | None = None,
    global_cb: Any = None,
    sub_device_id: Any = None,
    prefetcher_pipes: Any = None,
    in0_column_offset: int | None = None,
) -> Tensor:
    """``activation(a @ b + bias)``, rounded once.

    The result y is within ``2**-8 * |g| + 2**-18 * (|a| @ |b|)`` of the float64 result g of the
    stored operands, masked to the fidelity, for BFLOAT16 outputs.

    Args:
        input_tensor_a: [..., M, K] tiles of floats on the device; rank 1 is one row.
        input_tensor_b: [K, N], or [..., K, N] with the batch of ``a``.
        bias: broadcastable to the output; a higher rank raises the rank of the output.
        transpose_a: ``a`` is [..., K, M].
        transpose_b: ``b`` is [..., N, K].
        memory_config: output memory, DRAM if left out.
        dtype: output dtype, that of ``a`` if left out.
        program_config: accepted; like a core grid it makes LoFi the default fidelity.
        activation: name or record; with a core grid only those that a program can fuse.
        compute_kernel_config: its math fidelity masks the operands.
        core_grid: accepted.
        output_tile: accepted.
        optional_output_tensor: written and returned if given.
        global_cb: accepted.
        sub_device_id: accepted.
        prefetcher_pipes: accepted.
        in0_column_offset: accepted.

    Raises:
        OperationRefused: what TTNN refuses: host or freed operands, row major, integers, shapes
            that don't match, unknown activations.
    """
    fused = parse_activation(activation)
    a, b = input_tensor_a, input_tensor_b
    empty = 0 in (*a.spec.shape, *b.spec.shape)
    batched = math.prod(b.spec.shape[:-2]) > 1
    in_l1 = core_grid is None and not a.is_sharded() and _any_l1(a, b, memory_config)
    apart = bias is not None and (
        empty or is_added_apart(bias, b, in_l1=in_l1, transpose_b=transpose_b)
    )
    if not empty:
        _check_grid(core_grid, fused, batched=batched, apart=apart)
    check_ranks(a, b)
    device = _check_operands(a, b)
    if optional_output_tensor is not None:
        check_output_dtype(dtype, optional_output_tensor)
    if transpose_b and len(b.spec.shape) == 1 and _any_l1(a, b, memory_config):
        transpose_b = False  # a vector in another program, which ignores it
    shape = _product_shape(a.spec, b.spec, transpose_a=transpose_a, transpose_b=transpose_b)
    out_dtype = dtype or a.dtype
    if program_config is None:
        check_placement(
            a,
            b,
            memory_config=memory_config,
            grid=core_grid,
            output=optional_output_tensor,
            fused=fused,
            transpose_a=transpose_a,
            transpose_b=transpose_b,
            wide_sums=compute_kernel_config.fp32_dest_acc_en
            if compute_kernel_config is not None
            else out_dtype is DataType.FLOAT32,
        )
    if not empty:
        _check_fused_transpose(a, core_grid, batched=batched, transpose_a=transpose_a)
    if bias is not None:
        check_bias(bias)
        if in_l1:
            check_l1_transposes(a, b, transpose_a=transpose_a, transpose_b=transpose_b)
        if apart:
            check_added_bias(out_dtype, bias.dtype)
        shape = summed_shape(shape, a, b, bias, apart=apart)
    in_program = empty or (core_grid is not None and not apart)
    if fused is not None and not in_program and not takes(fused.op_type, out_dtype):
        raise OperationRefused(
            f"Unary: UnaryOpType::{fused.op_type.name} does not support integer input dtype "
            f"DataType::{out_dtype.name}",
            "Use a float output dtype.",
            dtype=out_dtype,
        )
    fidelity = (
        compute_kernel_config.math_fidelity
        if compute_kernel_config is not None
        else default_fidelity(
            a.dtype, b.dtype, explicit_grid=core_grid is not None or program_config is not None
        )
    )
    if empty:
        result = _of_nothing(shape, bias, fused)
    else:
        result = product(
            _oriented(a, transpose=transpose_a, is_in0=True),
            _oriented(b, transpose=transpose_b, is_in0=False),
            fidelity,
            addend(bias, b),
            fused,
            kept=b.kept(transposed=transpose_b),
            bf16_out=out_dtype is DataType.BFLOAT16,
        )
    if result.shape != shape:
        result = result.reshape(shape)
    if optional_output_tensor is not None:
        return fill_output(optional_output_tensor, result)
    return emit(
        result,
        device,
        dtype=out_dtype,
        layout=Layout.TILE,
        memory_config=memory_config or DRAM_MEMORY_CONFIG,
    )


@operation("ttnn.matmul")
def matmul(
    input_tensor_a: Tensor,
    input_tensor_b: Tensor,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    memory_config: MemoryConfig | None = None,
    dtype: DataType | None = None,
    program_config: MatmulProgramConfig | None = None,
    activation: str | UnaryWithParam | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    core_grid: CoreGrid | None = None,
    output_tile: Tile | None = None,
    optional_output_tensor: Tensor | None = None,
    global_cb: Any = None,
    sub_device_id: Any = None,
    prefetcher_pipes: Any = None,
) -> Tensor:
    """``activation(a @ b)``, rounded once: `linear` without a bias, see there."""
    return linear.__wrapped__(  # type: ignore[attr-defined,no-any-return]
        input_tensor_a,
        input_tensor_b,
        transpose_a=transpose_a,
        transpose_b=transpose_b,
        memory_config=memory_config,
        dtype=dtype,
        program_config=program_config,
        activation=activation,
        compute_kernel_config=compute_kernel_config,
        core_grid=core_grid,
        output_tile=output_tile,
        optional_output_tensor=optional_output_tensor,
        global_cb=global_cb,
        sub_device_id=sub_device_id,
        prefetcher_pipes=prefetcher_pipes,
    )


def _check_grid(
    grid: CoreGrid | None, fused: UnaryWithParam | None, *, batched: bool, apart: bool
) -> None:
    if grid is None:
        return
    if grid.num_cores == 0:
        raise OperationRefused("core_grid has no cores", "Pass device.core_grid.", core_grid=grid)
    if fused is None:
        return
    if batched:
        raise OperationRefused(
            "Cannot use activation with batched input b",
            "Leave core_grid out, or apply the activation afterwards.",
        )
    if not apart and fused.op_type not in FUSABLE:
        raise OperationRefused(
            f"Unsupported UnaryOpType for fused activation: UnaryOpType::{fused.op_type.name}",
            "Leave core_grid out, or apply the activation afterwards.",
            activation=fused.op_type,
        )


def _check_operands(a: Tensor, b: Tensor) -> Any:
    if a.storage_type() is StorageType.HOST:
        raise OperationRefused(
            "Operand to matmul must be on device",
            "Move the tensor with ttnn.to_device(tensor, device).",
        )
    device = require_device(a)
    require_device(b)
    for tensor in (a, b):
        require_tile(tensor, "Inputs to matmul must be tilized")
    for letter, tensor in (("A", a), ("B", b)):
        if tensor.dtype not in FLOATS:
            raise OperationRefused(
                f"Unsupported data format for input {letter}: DataType::{tensor.dtype.name}",
                "Convert it with ttnn.typecast to a float dtype.",
                dtype=tensor.dtype,
            )
    return device


@functools.lru_cache(maxsize=4096)
def _product_shape(
    a: TensorSpec, b: TensorSpec, *, transpose_a: bool, transpose_b: bool
) -> tuple[int, ...]:
    """The logical shape of the product, or the refusal of shapes that don't match."""
    left = _matrix_shape(a.shape, transpose=transpose_a, is_in0=True)
    right = _matrix_shape(b.shape, transpose=transpose_b, is_in0=False)
    if left[-1] != right[-2] and 0 not in (*left, *right):
        raise OperationRefused(
            "The width of the first tensor must be equal to the height of the second tensor. "
            f"Mismatch: width={left[-1]} height={right[-2]}",
            "Check the shapes and transpose_a / transpose_b.",
            a=a.shape,
            b=b.shape,
        )
    batch_a, batch_b = left[:-2], right[:-2]
    out = list(batch_a)
    if math.prod(batch_b) > 1 and 0 not in (*left, *right):
        _check_batches(batch_a, batch_b)
        out = list(map(max, batch_a, batch_b))
    elif math.prod(batch_b) > 1 and len(batch_a) == len(batch_b):  # TTNN compares none of nothing
        out = [y if x == 1 else x for x, y in zip(batch_a, batch_b, strict=True)]
    if len(b.shape) > max(len(a.shape), 2):
        out = [1] * (len(b.shape) - max(len(a.shape), 2)) + out
    for size, is_vector in ((left[-2], len(a.shape) < 2), (right[-1], len(b.shape) < 2)):
        if not is_vector:
            out.append(size)
        elif size > 1:  # a vector that is transposed; its dimension is dropped
            raise OperationRefused(
                "Attempting to reshape between two shapes with different volumes",
                "Leave transpose_a / transpose_b out for a vector.",
                a=a.shape,
                b=b.shape,
            )
    return tuple(out)


def _check_batches(batch_a: Sequence[int], batch_b: Sequence[int]) -> None:
    if len(batch_a) != len(batch_b):
        raise OperationRefused(
            "Batched (non-bcast) matmul requires inputs of the same rank, got a_shape rank: "
            f"{len(batch_a) + 2} vs b_shape rank: {len(batch_b) + 2}",
            "Reshape one of them.",
        )
    reuse = all(d == 1 for d in batch_a)
    for index, (x, y) in enumerate(zip(batch_a, batch_b, strict=True)):
        if x != y and not (x == 1 and reuse):
            raise OperationRefused(
                "bmm (non-bcast matmul) expects input tensors of shapes BCMK*BCKN=BCMN or batch "
                f"dimension {index} mismatch: a={x} vs b={y}",
                "Repeat the smaller operand to the batch of the other.",
                a=tuple(batch_a),
                b=tuple(batch_b),
            )


def _check_fused_transpose(
    a: Tensor, grid: CoreGrid | None, *, batched: bool, transpose_a: bool
) -> None:
    batch = math.prod(a.spec.shape[:-2])
    if batched or not transpose_a or (grid is None and not a.is_sharded()):
        return
    if batch > 1 and a.spec.padded_shape[-1] > 32:
        raise OperationRefused(
            "transpose_a with fuse_batch is not supported when batch dimensions exist and "
            f"M_per_batch > 1 (batch_size={batch})",
            "Leave core_grid out, or transpose first.",
        )


def _of_nothing(
    shape: tuple[int, ...], bias: Tensor | None, fused: UnaryWithParam | None
) -> torch.Tensor:
    """The product of an operand without elements: TTNN does not compare the inner sizes then."""
    total = torch.zeros(shape)
    if bias is not None:
        total = total + bias.value.to(torch.float32)
    return total if fused is None else apply(total, fused)


def _any_l1(a: Tensor, b: Tensor, memory_config: MemoryConfig | None) -> bool:
    configs = [a.memory_config(), b.memory_config()] + ([memory_config] if memory_config else [])
    return any(c.buffer_type is BufferType.L1 for c in configs)


def _matrix_shape(shape: Sequence[int], *, transpose: bool, is_in0: bool) -> tuple[int, ...]:
    """At least rank 2: a vector is a row as in0, a column as in1, before it is transposed."""
    if len(shape) < 2:
        size = shape[0] if shape else 1
        shape = (1, size) if is_in0 else (size, 1)
    return (*shape[:-2], shape[-1], shape[-2]) if transpose else tuple(shape)


def _oriented(tensor: Tensor, *, transpose: bool, is_in0: bool) -> torch.Tensor:
    value = tensor.value
    if value.dim() < 2:
        return value.reshape(1, -1) if is_in0 else value.reshape(-1, 1)
    if not is_in0 and math.prod(value.shape[:-2]) == 1:
        value = value.reshape(value.shape[-2:])  # two dimensions are the fast case of torch
    return value.transpose(-1, -2) if transpose else value
