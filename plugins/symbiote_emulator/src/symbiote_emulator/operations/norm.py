# ruff: noqa: ARG001 - the parameters are TTNN's, not all of them matter here
"""Normalisation over the last dimension."""

from __future__ import annotations

import math

import torch

from symbiote_emulator.errors import NotImitated, OperationRefused, WrongInTTNN
from symbiote_emulator.operations._common import emit, require_device, require_device_or_crash
from symbiote_emulator.operations._norm_memory import check_l1
from symbiote_emulator.operations.layout import clone
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    TILE_SIZE,
    DataType,
    LayerNormDefaultProgramConfig,
    LayerNormShardedMultiCoreProgramConfig,
    Layout,
    MemoryConfig,
    TensorMemoryLayout,
    WormholeComputeKernelConfig,
)

_INPUTS = (DataType.FLOAT32, DataType.BFLOAT16, DataType.BFLOAT8_B)
_ProgramConfig = LayerNormDefaultProgramConfig | LayerNormShardedMultiCoreProgramConfig


@operation("ttnn.layer_norm")
def layer_norm(
    input_tensor: Tensor,
    *,
    epsilon: float = 1e-12,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    residual_input_tensor: Tensor | None = None,
    memory_config: MemoryConfig | None = None,
    program_config: _ProgramConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    recip_tensor: Tensor | None = None,
) -> Tensor:
    """``(x - mean) / sqrt(variance + epsilon) * weight + bias`` over the last dimension.

    Args:
        input_tensor: [..., D] on the device; row-major input gives row-major output.
        epsilon: added to the variance.
        weight: [D] or [1, D] in tiles, or [1, 1, D / 32, 32] row major.
        bias: as ``weight``.
        residual_input_tensor: added to the input first.
        memory_config: output memory; that of the input if left out.
        program_config: accepted.
        compute_kernel_config: row-major float32 needs its ``fp32_dest_acc_en``.
        recip_tensor: accepted.

    Raises:
        OperationRefused: dtypes, layouts or shapes that TTNN refuses.
    """
    device = require_device_or_crash(input_tensor)
    if not input_tensor.spec.shape:
        raise OperationRefused(
            "LayerNorm operation not supported for 0D tensors. (rank=0)", "Give it a dimension."
        )
    if not input_tensor.logical_volume():
        return _copy(input_tensor, memory_config)
    if input_tensor.layout is Layout.ROW_MAJOR:
        _check_row_major(input_tensor, compute_kernel_config)
    _check(input_tensor, weight, bias, residual_input_tensor, memory_config)
    if compute_kernel_config is None:
        _check_memory(input_tensor, weight, bias, residual_input_tensor, is_rms=False)
    width = input_tensor.spec.shape[-1]
    result = torch.nn.functional.layer_norm(
        _input(input_tensor, residual_input_tensor),
        (width,),
        _vector(weight, width),
        _vector(bias, width),
        epsilon,
    )
    return emit(
        result,
        device,
        dtype=input_tensor.dtype,
        layout=input_tensor.layout,
        memory_config=memory_config or input_tensor.memory_config(),
    )


@operation("ttnn.rms_norm")
def rms_norm(
    input_tensor: Tensor,
    *,
    epsilon: float = 1e-12,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    residual_input_tensor: Tensor | None = None,
    memory_config: MemoryConfig | None = None,
    program_config: _ProgramConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
) -> Tensor:
    """``x / sqrt(mean(x^2) + epsilon) * weight + bias`` over the last dimension.

    Args:
        input_tensor: [..., D] tiles on the device.
        epsilon: added to the mean square.
        weight: [D] or [1, D] in tiles, or [1, 1, D / 32, 32] row major.
        bias: as ``weight``.
        residual_input_tensor: added to the input first.
        memory_config: output memory; that of the input if left out.
        program_config: accepted.
        compute_kernel_config: accepted.

    Raises:
        OperationRefused: dtypes, layouts or shapes that TTNN refuses.
    """
    device = require_device_or_crash(input_tensor)
    if input_tensor.layout is Layout.ROW_MAJOR:
        raise OperationRefused(
            "ttnn::rms_norm does not support ROW_MAJOR input tensors. Use TILE layout.",
            "Convert it with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
            shape=input_tensor.spec.shape,
        )
    if not input_tensor.spec.shape:
        raise NotImitated("A scalar.", "Reshape it to [1].")
    if not input_tensor.logical_volume():
        return _copy(input_tensor, memory_config)
    _check(input_tensor, weight, bias, residual_input_tensor, memory_config)
    if compute_kernel_config is None:
        _check_memory(input_tensor, weight, bias, residual_input_tensor, is_rms=True)
    width = input_tensor.spec.shape[-1]
    result = torch.nn.functional.rms_norm(
        _input(input_tensor, residual_input_tensor), (width,), _vector(weight, width), epsilon
    )
    shift = _vector(bias, width)
    if shift is not None:
        result = result + shift
    return emit(
        result,
        device,
        dtype=input_tensor.dtype,
        layout=Layout.TILE,
        memory_config=memory_config or input_tensor.memory_config(),
    )


def _copy(x: Tensor, memory_config: MemoryConfig | None) -> Tensor:
    """The norm of a tensor without elements: TTNN clones it, and looks at nothing else."""
    copied: Tensor = clone.__wrapped__(x, memory_config=memory_config)  # type: ignore[attr-defined]
    return copied


def _check_row_major(x: Tensor, config: WormholeComputeKernelConfig | None) -> None:
    width = x.spec.shape[-1]
    if width % TILE_SIZE:
        raise OperationRefused(
            f"ROW_MAJOR input requires W ({width}) to be a multiple of tile width ({TILE_SIZE})",
            "Convert it with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
            shape=x.spec.shape,
        )
    if x.dtype is DataType.FLOAT32 and config is not None and not config.fp32_dest_acc_en:
        raise OperationRefused(
            "ROW_MAJOR float32 input requires fp32_dest_acc_en=True in the compute kernel config",
            "Pass a compute_kernel_config with it, or use TILE layout.",
        )


def _check(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    residual: Tensor | None,
    memory_config: MemoryConfig | None,
) -> None:
    if x.dtype not in _INPUTS:
        raise OperationRefused(
            f"Input tensor must be FLOAT32, BFLOAT16, or BFLOAT8_B, got: DataType::{x.dtype.name}",
            "Convert it with ttnn.typecast.",
            dtype=x.dtype,
        )
    if x.memory_config().memory_layout is TensorMemoryLayout.HEIGHT_SHARDED:
        raise OperationRefused(
            "Height sharded inputs are not supported.", "Use ttnn.to_memory_config first."
        )
    if x.is_sharded():
        _check_shards(x, residual)
    for operand in (weight, bias, residual):
        if operand is not None:
            require_device(operand)
    if residual is not None:
        _check_residual(x, residual)
    for name, vector in (("gamma", weight), ("beta", bias)):
        if vector is not None:
            _check_vector(x, name, vector)
    if weight is not None and bias is not None and weight.layout is not bias.layout:
        raise OperationRefused(
            "Gamma and beta must have the same layout!", "Convert one with ttnn.to_layout."
        )
    if x.is_sharded() and memory_config is not None and not memory_config.is_sharded():
        raise OperationRefused(
            "Sharded inputs require sharded outputs.", "Pass a sharded memory_config, or none."
        )


def _check_shards(x: Tensor, residual: Tensor | None) -> None:
    """Refuse shards that are larger than they need be, or beside a residual that has none."""
    shards = x.memory_config().shard_spec
    assert shards is not None  # a sharded tensor has some
    *lead, width = x.spec.padded_shape
    sizes = (math.prod(lead), width)
    counts = [-(-size // part) for size, part in zip(sizes, shards.shape, strict=True)]
    if math.prod(counts) != shards.num_cores():
        raise OperationRefused(
            f"Shard layout requires {counts[0]}x{counts[1]} = {math.prod(counts)} shards but shard "
            f"grid has {shards.num_cores()} cores",
            "Shard it over as many cores as there are shards.",
            shard_shape=shards.shape,
        )
    for name, size, part, count in zip("hw", sizes, shards.shape, counts, strict=True):
        block, least = part // TILE_SIZE, -(-size // (count * TILE_SIZE))
        if block != least:
            raise OperationRefused(
                f"block_{name} ({block}) must equal the tiles over the cores ({least})",
                "Choose the smallest shards for these cores.",
                shard_shape=shards.shape,
            )
    if residual is not None and not residual.is_sharded():
        raise OperationRefused(
            "residual tensor b should be sharded if input a is sharded",
            "Move it with ttnn.to_memory_config.",
        )


def _check_memory(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, residual: Tensor | None, *, is_rms: bool
) -> None:
    vectors = [v for v in (weight, bias) if v is not None]
    if x.layout is Layout.TILE and any(v.layout is Layout.ROW_MAJOR for v in vectors):
        check_l1(
            x,
            vectors,
            has_residual=residual is not None,
            is_rms=is_rms,
            device=require_device(x),
        )


def _check_residual(x: Tensor, residual: Tensor) -> None:
    if residual.layout is not Layout.TILE:
        raise OperationRefused(
            f"Residual tensor must have TILE layout, got: Layout::{residual.layout.name}",
            "Convert it with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
        )
    if x.spec.shape != residual.spec.shape or x.spec.padded_shape != residual.spec.padded_shape:
        raise OperationRefused(
            "Input and residual logical and padded shapes must match, got input: "
            f"logical={x.shape} padded={x.padded_shape}, residual: logical={residual.shape} "
            f"padded={residual.padded_shape}",
            "Make the shapes equal.",
        )


def _check_vector(x: Tensor, name: str, vector: Tensor) -> None:
    padded = vector.spec.padded_shape
    width = x.spec.padded_shape[-1]
    if vector.layout is Layout.TILE:
        logical = vector.spec.shape[-1] if vector.spec.shape else 1
        if padded[-1] != width or logical < x.spec.shape[-1]:
            effect = "multiplied" if name == "gamma" else "offset"
            raise OperationRefused(
                f"Input and {name} padded widths must match and {name} logical width must be >= "
                f"input logical width (otherwise valid input columns would be {effect} by {name} "
                f"padding). Got input: logical[-1]={x.spec.shape[-1]} padded[-1]={width} vs "
                f"{name}: logical[-1]={logical} padded[-1]={padded[-1]}",
                "Give one value for each element of the last dimension.",
            )
        if padded[-2] != TILE_SIZE:
            raise OperationRefused(
                f"{name.capitalize()} tensor height must equal tile height ({TILE_SIZE}), got: "
                f"{padded[-2]}",
                "Give a vector [D] or [1, D].",
            )
        if not vector.logical_volume():
            raise WrongInTTNN("A weight or bias of no elements.", "Leave it out.")
        return
    if vector.dtype not in (DataType.FLOAT32, DataType.BFLOAT16):
        raise OperationRefused(
            f"{name.capitalize()} tensor must be FLOAT32 or BFLOAT16, got: "
            f"DataType::{vector.dtype.name}",
            "Convert it with ttnn.typecast.",
            dtype=vector.dtype,
        )
    volume = math.prod(padded)
    if padded[-1] != TILE_SIZE or volume != width:
        title = name.capitalize()
        raise OperationRefused(
            f"{title}'s last padded dim needs to equal tile width and {name}'s volume needs to "
            f"align with last padded dim of input. Error with {name}.value().padded_shape(): "
            f"{vector.padded_shape}, tile_width: {TILE_SIZE}",
            "Give it in TILE layout, or row major as [1, 1, D / 32, 32].",
        )


def _input(x: Tensor, residual: Tensor | None) -> torch.Tensor:
    value = x.value.to(torch.float32)
    if residual is not None:
        value = value + residual.value.to(torch.float32)
    return value


def _vector(vector: Tensor | None, width: int) -> torch.Tensor | None:
    return None if vector is None else vector.value.to(torch.float32).reshape(-1)[:width]
