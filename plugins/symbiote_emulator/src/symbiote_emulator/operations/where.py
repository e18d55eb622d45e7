"""Choosing between two operands by a third."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.numerics import FLOATS
from symbiote_emulator.operations._binary import check_scalar, require_operands
from symbiote_emulator.operations._common import (
    broadcast_shapes,
    emit,
    fill_output,
    require_device,
    require_device_or_crash,
    require_elements,
    require_rows,
)
from symbiote_emulator.operations._shards import output_memory
from symbiote_emulator.operations._unary import emit_unary
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DataType, Layout, MemoryConfig

_WIDE = frozenset({DataType.INT32, DataType.UINT32})

Choice = Tensor | float | int


@operation("ttnn.where")
def where(
    predicate: Tensor,
    true_value: Tensor | float | int,
    false_value: Tensor | float | int,
    *,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    sub_core_grids: Any = None,
) -> Tensor:
    """``true_value`` where the predicate is not 0, else ``false_value``; shapes broadcast.

    The result has the dtype of ``true_value`` if that is a tensor, else of ``false_value``. Of two
    numbers it is the predicate's, or FLOAT32 if that is an integer.

    Args:
        predicate: on the device; tiles if the other two are tensors.
        true_value: a tensor on the device, or a number.
        false_value: a tensor on the device, or a number.
        memory_config: output memory. Left out, it is the predicate's, or with one number that of
            the other tensor.
        output_tensor: written and returned if given.
        sub_core_grids: accepted.

    Raises:
        OperationRefused: host or freed tensors, dtypes that don't go together, or shapes that
            don't broadcast.
        WouldCrash: a predicate on the host or freed, unless exactly one choice is a number.
    """
    del sub_core_grids
    tensors = [t for t in (true_value, false_value) if isinstance(t, Tensor)]
    if len(tensors) == 1:
        return _of_one_tensor(predicate, true_value, false_value, memory_config, output_tensor)
    device = require_device_or_crash(predicate)
    if not tensors:
        dtype = _dtype_of_numbers(predicate)
        if dtype is not predicate.dtype:
            require_elements(predicate)
        result = _chosen(predicate, true_value, false_value, dtype)
        return emit_unary(
            predicate,
            result,
            memory_config=memory_config,
            output_tensor=output_tensor,
            dtype=dtype,
        )
    for tensor in tensors:
        require_device(tensor)
    _check_tiles(predicate)
    shape = _check_shapes(predicate, *tensors)
    dtype = tensors[0].dtype
    result = _chosen(predicate, true_value, false_value, dtype).expand(shape)
    if output_tensor is not None:
        _check_output(shape, output_tensor)
        return fill_output(output_tensor, result)
    layout = predicate.layout if predicate.is_sharded() else Layout.TILE
    operands = [predicate, *tensors]
    memory = output_memory(memory_config, operands, shape, layout, device)
    return emit(
        result.contiguous(), device, dtype=dtype, layout=layout, memory_config=memory, shape=shape
    )


def _of_one_tensor(
    predicate: Tensor,
    true_value: Choice,
    false_value: Choice,
    memory_config: MemoryConfig | None,
    output_tensor: Tensor | None,
) -> Tensor:
    """A tensor and a number: a binary operation to TTNN, with the rules of one."""
    form = "TTS" if isinstance(true_value, Tensor) else "TST"
    pair = (true_value, false_value)
    tensor, number = pair if isinstance(true_value, Tensor) else pair[::-1]
    assert isinstance(tensor, Tensor)  # the caller knows
    assert not isinstance(number, Tensor)
    _, device = require_operands(f"WHERE_{form}", predicate, tensor)
    dtype = tensor.dtype
    # TTNN converts an integer predicate beside a float tensor first.
    condition = dtype if dtype in FLOATS and predicate.dtype not in FLOATS else predicate.dtype
    if condition is not predicate.dtype:
        predicate.spec.replace(dtype=condition)  # refuses block floats that are no tiles
    for letter, kind in (("A", condition), ("B", dtype)):
        if kind not in FLOATS and kind not in _WIDE:
            raise OperationRefused(
                f"Input tensor {letter} dtype DataType::{kind.name} is not supported for binary "
                f"operation BinaryOpType::WHERE_{form}",
                "Convert it with ttnn.typecast.",
            )
    if dtype not in FLOATS:
        check_scalar(None, dtype, number)
    if condition is not dtype:
        raise OperationRefused(
            f"Mixed dtype is not supported for binary operation BinaryOpType::WHERE_{form}, dtype "
            f"A: DataType::{condition.name}, dtype B: DataType::{dtype.name}",
            "Convert one of them with ttnn.typecast.",
        )
    shape = broadcast_shapes(predicate.spec.shape, tensor.spec.shape)
    row_major = predicate.layout is tensor.layout is Layout.ROW_MAJOR
    if row_major:
        require_rows(predicate)
        require_rows(tensor)
    result = _chosen(predicate, true_value, false_value, dtype).expand(shape)
    if output_tensor is not None:
        return fill_output(output_tensor, result)
    layout = Layout.ROW_MAJOR if row_major else Layout.TILE
    operands = (tensor,) if memory_config is None else (predicate, tensor)
    memory = output_memory(memory_config, operands, shape, layout, device, counted=predicate.layout)
    return emit(
        result.contiguous(), device, dtype=dtype, layout=layout, memory_config=memory, shape=shape
    )


def _chosen(
    predicate: Tensor, true_value: Choice, false_value: Choice, dtype: DataType
) -> torch.Tensor:
    exact = torch.float32 if dtype in FLOATS else torch.int64
    yes, no = (
        v.value.to(exact) if isinstance(v, Tensor) else torch.tensor(v, dtype=exact)
        for v in (true_value, false_value)
    )
    return torch.where(predicate.value != 0, yes, no)


def _dtype_of_numbers(predicate: Tensor) -> DataType:
    if predicate.dtype in FLOATS:
        return predicate.dtype
    if predicate.dtype in _WIDE:
        return DataType.FLOAT32
    raise OperationRefused(
        "Unary: UnaryOpType::WHERE_TSS does not support integer input dtype "
        f"DataType::{predicate.dtype.name}",
        "Convert the predicate with ttnn.typecast.",
        dtype=predicate.dtype,
    )


def _check_tiles(predicate: Tensor) -> None:
    if predicate.layout is not Layout.TILE and not predicate.is_sharded():
        raise OperationRefused(
            "Ternary operation requires tensor to be in Tile layout when working with non-sharded "
            f"input tensor. Input tensor layout: {predicate.layout.value}",
            "Convert the predicate with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
        )


def _check_shapes(predicate: Tensor, yes: Tensor, no: Tensor) -> tuple[int, ...]:
    shapes = [t.spec.shape for t in (predicate, yes, no)]
    try:
        shape = broadcast_shapes(broadcast_shapes(shapes[0], shapes[1]), shapes[2])
    except OperationRefused:
        raise OperationRefused(
            f"ttnn.where: shapes {predicate.shape}, {yes.shape} and {no.shape} do not broadcast in "
            "a pattern the ternary kernel supports",
            "Make the dimensions equal, or 1.",
            shapes=shapes,
        ) from None
    if 0 in shape:
        index = shape[::-1].index(0) + 1
        raise OperationRefused(
            f"Broadcasting rule violation at dimension index -{index} (output rank {len(shape)}), "
            "dim a: 0, dim b: 0, dim c: 0",
            "Give tensors with elements.",
        )
    return shape


def _check_output(shape: tuple[int, ...], output: Tensor) -> None:
    require_device(output)
    if output.spec.shape != shape:
        raise OperationRefused(
            "When preallocted output tensor is used, Ternary operation requires its shape to match "
            f"the computed shape. Computed shape: Shape({list(shape)}), Shape in preallocated "
            f"output tensor: {output.shape}",
            "Supply an output tensor of the shape of the result.",
        )
    if output.layout is not Layout.TILE:
        raise OperationRefused(
            "Ternary operation requires output tensor to be in Tile layout when working with "
            "non-sharded tensor.",
            "Supply an output tensor in ttnn.TILE_LAYOUT.",
        )
