"""Operations of three operands: where and clamp."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_emulator.errors import IncompatibleArguments, OperationRefused
from symbiote_emulator.numerics import FLOATS
from symbiote_emulator.operations._common import (
    broadcast_shapes,
    emit,
    fill_output,
    require_device,
    require_device_or_crash,
)
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DataType, Layout, MemoryConfig

_WHERE_DTYPES = FLOATS | {DataType.INT32, DataType.UINT32}


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

    Args:
        predicate: on the device.
        true_value: a tensor on the device, or a number.
        false_value: a tensor on the device, or a number.
        memory_config: output memory; that of the predicate if left out.
        output_tensor: written and returned if given.
        sub_core_grids: accepted.

    Raises:
        OperationRefused: host or freed tensors, or dtypes that don't go together.
    """
    del sub_core_grids
    tensors = [t for t in (true_value, false_value) if isinstance(t, Tensor)]
    device = require_device(predicate) if tensors else require_device_or_crash(predicate)
    for tensor in tensors:
        require_device(tensor)
    dtype = _where_dtype(predicate, true_value, false_value)
    shape = predicate.spec.shape
    for tensor in tensors:
        shape = broadcast_shapes(shape, tensor.spec.shape)
    exact = torch.float32 if dtype in FLOATS else torch.int64
    yes, no = (
        v.value.to(exact) if isinstance(v, Tensor) else torch.tensor(v, dtype=exact)
        for v in (true_value, false_value)
    )
    result = torch.where(predicate.value != 0, yes, no).expand(shape)
    if output_tensor is not None:
        return fill_output(output_tensor, result)
    row_major = all(t.layout is Layout.ROW_MAJOR for t in (predicate, *tensors))
    return emit(
        result.contiguous(),
        device,
        dtype=dtype,
        layout=Layout.ROW_MAJOR if row_major else Layout.TILE,
        memory_config=memory_config or predicate.memory_config(),
    )


def _where_dtype(
    predicate: Tensor, true_value: Tensor | float, false_value: Tensor | float
) -> DataType:
    """The result's dtype: the tensors', which must be one; without tensors the predicate's."""
    tensors = [t for t in (true_value, false_value) if isinstance(t, Tensor)]
    form = "".join("T" if isinstance(v, Tensor) else "S" for v in (true_value, false_value))
    for letter, tensor in zip("ABC", (predicate, *tensors), strict=False):
        if tensor.dtype not in _WHERE_DTYPES:
            raise OperationRefused(
                f"Input tensor {letter} dtype DataType::{tensor.dtype.name} is not supported for "
                f"binary operation BinaryOpType::WHERE_T{form}",
                "Convert it with ttnn.typecast.",
            )
    if not tensors:
        return predicate.dtype if predicate.dtype in FLOATS else DataType.FLOAT32
    if len(tensors) == 2:
        if tensors[0].dtype is not tensors[1].dtype and not (
            tensors[0].dtype in FLOATS and tensors[1].dtype in FLOATS
        ):
            raise _mixed(form, tensors[0].dtype, tensors[1].dtype)
        return tensors[0].dtype
    if tensors[0].dtype is not predicate.dtype:
        raise _mixed(form, predicate.dtype, tensors[0].dtype)
    return tensors[0].dtype


def _mixed(form: str, a: DataType, b: DataType) -> OperationRefused:
    return OperationRefused(
        f"Mixed dtype is not supported for binary operation BinaryOpType::WHERE_T{form}, dtype A: "
        f"DataType::{a.name}, dtype B: DataType::{b.name}",
        "Convert one of them with ttnn.typecast.",
    )


@operation("ttnn.clamp")
def clamp(
    input_tensor: Tensor,
    min: Tensor | float | int | None = None,
    max: Tensor | float | int | None = None,
    *,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
) -> Tensor:
    """Values below ``min`` become ``min``, those above ``max`` become ``max``.

    Args:
        input_tensor: any shape, on the device.
        min: a number or a tensor, or None for no limit.
        max: as ``min``; numbers must be both integers or both floats.
        memory_config: output memory; that of the input if left out.
        output_tensor: written and returned if given.

    Raises:
        WouldCrash: host or freed input.
        OperationRefused: an integer beside a float limit, or integers with float limits.
    """
    x = input_tensor
    device = require_device_or_crash(x)
    low, high = min, max
    if low is None and high is None:
        raise OperationRefused("Only one of 'min' or 'max' can be None.", "Give one of them.")
    given = [v for v in (low, high) if v is not None]
    if len({isinstance(v, Tensor) for v in given}) == 2:
        raise IncompatibleArguments
    numbers = [v for v in given if not isinstance(v, Tensor)]
    if len({isinstance(v, float) for v in numbers}) == 2:
        raise OperationRefused(
            "std::get: wrong index for variant", "Give two integers or two floats as limits."
        )
    if x.dtype not in FLOATS and x.dtype is not DataType.INT32 and numbers:
        raise OperationRefused(
            "Unary: UnaryOpType::CLAMP_TSS does not support integer input dtype "
            f"DataType::{x.dtype.name}",
            "Convert it with ttnn.typecast.",
        )
    becomes_float = x.dtype is DataType.INT32 and any(isinstance(v, float) for v in numbers)
    dtype = DataType.FLOAT32 if becomes_float else x.dtype
    result = x.value.to(torch.float32 if dtype in FLOATS else torch.int64)
    if low is not None:
        result = torch.maximum(result, _limit(low, result))
    if high is not None:
        result = torch.minimum(result, _limit(high, result))
    if output_tensor is not None:
        return fill_output(output_tensor, result)
    return emit(
        result,
        device,
        dtype=dtype,
        layout=x.layout,
        memory_config=memory_config or x.memory_config(),
    )


def _limit(limit: Tensor | float, like: torch.Tensor) -> torch.Tensor:
    if isinstance(limit, Tensor):
        require_device(limit)
        return limit.value.to(like.dtype)
    return torch.tensor(limit, dtype=like.dtype)
