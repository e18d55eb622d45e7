"""What the operations of one operand share: the check of a supplied output, and making one."""

from __future__ import annotations

import torch

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.numerics import ELEMENT_SIZE
from symbiote_emulator.operations._common import emit, fill_output, require_device
from symbiote_emulator.operations._shards import output_memory
from symbiote_emulator.spec import L1_ALIGNMENT
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import TILE_SIZE, DataType, Layout, MemoryConfig

_MIXED_FLOATS = frozenset({DataType.BFLOAT16, DataType.FLOAT32, DataType.BFLOAT8_B})
"""Dtypes that TTNN converts between when it writes into a supplied output."""


def emit_unary(
    x: Tensor,
    result: torch.Tensor,
    *,
    memory_config: MemoryConfig | None,
    output_tensor: Tensor | None,
    dtype: DataType | None = None,
    layout: Layout | None = None,
) -> Tensor:
    """The result of a unary operation, in new memory or in the supplied tensor.

    Args:
        x: the operand, on a device.
        result: the values, not yet rounded.
        memory_config: output memory; that of the operand if left out.
        output_tensor: written and returned if given.
        dtype: dtype of the result; that of the operand if left out.
        layout: layout of the result; that of the operand if left out.

    Raises:
        OperationRefused: the supplied tensor has another shape or layout, a dtype that TTNN does
            not convert to, or is not on the device.
    """
    natural = dtype or x.dtype
    layout = layout or x.layout
    device = require_device(x)
    if output_tensor is not None:
        require_device(output_tensor)
        _check_output(x, natural, output_tensor)
        return fill_output(output_tensor, result)
    return emit(
        result,
        device,
        dtype=natural,
        layout=layout,
        memory_config=output_memory(
            memory_config, (x,), result.shape, layout, device, columns=_columns(x)
        ),
    )


def _columns(x: Tensor) -> int:
    """Of how many a shard of columns is a multiple: aligned in L1, or as wide as a tile."""
    aligned = L1_ALIGNMENT // ELEMENT_SIZE.get(x.dtype, L1_ALIGNMENT)
    return aligned if x.spec.padded_shape[-1] % aligned == 0 else TILE_SIZE


def _check_output(x: Tensor, natural: DataType, output: Tensor) -> None:
    if output.dtype is not natural and not {output.dtype, natural} <= _MIXED_FLOATS:
        raise OperationRefused(
            f"Preallocated output dtype DataType::{output.dtype.name} is not compatible with input "
            f"dtype DataType::{natural.name}. Integer and float dtypes cannot be mixed",
            "Supply an output tensor of the dtype of the result.",
            dtype=natural,
            output_dtype=output.dtype,
        )
    if output.layout is not x.layout:
        raise OperationRefused(
            "Unary: Output format (tile/row-major) must match input when preallocated. Output: "
            f"{output.layout.value}, Input: {x.layout.value}",
            "Supply an output tensor of the layout of the operand.",
        )
    if output.spec.shape != x.spec.shape:
        raise OperationRefused(
            "Unary: Preallocated output shape must match computed shape. Computed: "
            f"{x.shape}, Preallocated: {output.shape}",
            "Supply an output tensor of the shape of the operand.",
        )
