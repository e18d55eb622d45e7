"""Limiting values from below and above."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from symbiote_emulator.errors import IncompatibleArguments, OperationRefused
from symbiote_emulator.numerics import FLOATS
from symbiote_emulator.operations._common import (
    broadcast_shapes,
    fill_output,
    require_device,
    require_device_or_crash,
    require_elements,
    require_rows,
)
from symbiote_emulator.operations._shards import require_same_memory_layout
from symbiote_emulator.operations._unary import emit_unary
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DataType, Layout, MemoryConfig

_SMALL = (DataType.UINT8, DataType.UINT16)


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
        OperationRefused: an integer beside a float limit, integers with float limits, or a tensor
            of another dtype as a limit.
    """
    x = input_tensor
    require_device_or_crash(x)
    low, high = min, max
    if low is None and high is None:
        raise OperationRefused("Only one of 'min' or 'max' can be None.", "Give one of them.")
    given = [v for v in (low, high) if v is not None]
    if len({isinstance(v, Tensor) for v in given}) == 2:
        raise IncompatibleArguments
    for limit in given:
        if isinstance(limit, Tensor) and not _go_together(x, limit, alone=len(given) == 1):
            raise OperationRefused(
                "Mixed dtype is not supported for binary operation BinaryOpType::MAXIMUM or "
                f"MINIMUM, dtype A: DataType::{x.dtype.name}, dtype B: "
                f"DataType::{limit.dtype.name}",
                "Give limits of the dtype of the input.",
                a=x.dtype,
                b=limit.dtype,
            )
    if len(given) == 2 and isinstance(low, Tensor) and x.dtype in _SMALL:
        raise OperationRefused(
            f"Input tensor A dtype DataType::{x.dtype.name} is not supported for binary operation "
            "BinaryOpType::MINIMUM",
            "Convert it with ttnn.typecast.",
        )
    numbers = [v for v in given if not isinstance(v, Tensor)]
    if len({_is_float(v) for v in numbers}) == 2:
        raise OperationRefused(
            "std::get: wrong index for variant", "Give two integers or two floats as limits."
        )
    if x.dtype not in FLOATS and x.dtype is not DataType.INT32 and numbers:
        raise OperationRefused(
            "Unary: UnaryOpType::CLAMP_TSS does not support integer input dtype "
            f"DataType::{x.dtype.name}",
            "Convert it with ttnn.typecast.",
        )
    tensors = [x, *(v for v in given if isinstance(v, Tensor))]
    layout = Layout.TILE if any(t.layout is Layout.TILE for t in tensors) else Layout.ROW_MAJOR
    if len(tensors) > 1:
        _check_layouts(tensors, layout, output_tensor)
    becomes_float = x.dtype is DataType.INT32 and any(_is_float(v) for v in numbers)
    dtype = DataType.FLOAT32 if becomes_float else x.dtype
    if becomes_float:
        require_elements(x)
    if becomes_float and memory_config is not None:
        require_same_memory_layout(x.memory_config(), memory_config)
        if memory_config.is_sharded() and memory_config.shard_spec is None:
            raise OperationRefused("bad optional access", "Give the memory config a shard_spec.")
    result = x.value.to(torch.float32 if dtype in FLOATS else torch.int64)
    if low is not None:
        result = torch.maximum(result, _limit(low, result))
    if high is not None:
        result = torch.minimum(result, _limit(high, result))
    if len(tensors) > 1 and output_tensor is not None:
        return fill_output(output_tensor, result)
    return emit_unary(
        x,
        result,
        memory_config=memory_config,
        output_tensor=output_tensor,
        dtype=dtype,
        layout=layout,
    )


def _check_layouts(tensors: Sequence[Tensor], layout: Layout, output: Tensor | None) -> None:
    """Refuse layouts that TTNN does not take: one limit is a ternary operation, two are binary."""
    advice = "Convert it with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT)."
    shape: tuple[int, ...] = ()
    for operand in tensors:
        shape = broadcast_shapes(shape, operand.spec.shape)
    if len(tensors) > 2:
        if layout is Layout.ROW_MAJOR:
            for operand in tensors:
                require_rows(operand)
        if layout is Layout.ROW_MAJOR and output is not None:
            raise OperationRefused(
                "Optional output tensor with Row Major input is not supported right now for "
                "Elementwise operations",
                advice,
            )
        return
    if 0 in shape:
        raise OperationRefused(
            f"ttnn.where: {shape} has no elements, and does not broadcast",
            "Give tensors with elements.",
        )
    for tensor in (tensors[0], output):
        sharded = tensor is not None and tensor.is_sharded()
        found = layout if tensor is tensors[0] else tensor and tensor.layout
        if found is Layout.ROW_MAJOR and not sharded:
            raise OperationRefused(
                "Ternary operation requires tensors to be in Tile layout when working with "
                "non-sharded tensors",
                advice,
            )


def _is_float(number: float) -> bool:
    """Whether TTNN takes a limit for a float, as which it takes truth values, too."""
    return isinstance(number, (bool, float))


def _go_together(x: Tensor, limit: Tensor, *, alone: bool) -> bool:
    """Whether TTNN takes this limit: of the same dtype or, if it is the only one, of its family."""
    both_floats = x.dtype in FLOATS and limit.dtype in FLOATS
    both_small = x.dtype in _SMALL and limit.dtype in _SMALL
    return x.dtype is limit.dtype or (alone and (both_floats or both_small))


def _limit(limit: Tensor | float, like: torch.Tensor) -> torch.Tensor:
    if isinstance(limit, Tensor):
        require_device(limit)
        return limit.value.to(like.dtype)
    return torch.tensor(limit, dtype=like.dtype)
