"""Finding the greatest values and where they are."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_emulator.errors import IncompatibleArguments, OperationRefused
from symbiote_emulator.numerics import FLOATS, quantise
from symbiote_emulator.operations._common import emit, fill_output, require_device_or_crash
from symbiote_emulator.operations.padding import check_slices, widened_memory
from symbiote_emulator.operations.permute import transpose
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import tensor_spec
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DataType,
    Layout,
    MemoryConfig,
    StorageType,
)

_LEAST_COLUMNS = 64
"""Of an input of topk; TTNN fills others up."""


def _require_device(x: Tensor) -> None:
    if x.storage_type() is not StorageType.DEVICE:
        raise OperationRefused(
            "Input tensor must be on device", "Move it with ttnn.to_device(tensor, device)."
        )
    if not x.is_allocated():
        raise OperationRefused(
            "Input Tensor is not allocated", "Keep the tensor until its last use."
        )


@operation("ttnn.argmax")
def argmax(
    input_tensor: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    sub_core_grids: Any = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    enable_secondary_dm: bool | None = None,
) -> Tensor:
    """Index of the greatest value, the first one of several, as UINT32 row major.

    Of a scalar, or a tensor without elements, the result keeps the layout.

    Args:
        input_tensor: any shape, on the device; tiles must be BFLOAT16 or FLOAT32.
        dim: the dimension; all of them together if left out, which needs row major.
        keepdim: keep the dimension with size 1.
        sub_core_grids: accepted.
        memory_config: output memory; that of the input if left out.
        output_tensor: written and returned if given.
        enable_secondary_dm: accepted.

    Raises:
        OperationRefused: host, freed or sharded input, a dimension out of range, or tiles of
            other dtypes.
    """
    del sub_core_grids, enable_secondary_dm
    x = input_tensor
    _require_device(x)
    rank = len(x.spec.shape)
    if dim is not None and not -max(rank, 1) <= dim < max(rank, 1):
        raise OperationRefused(
            f"argmax: Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], "
            f"but got {dim})",
            "Pass a dimension of the tensor.",
        )
    if not rank or not x.logical_volume():
        _check_reduced(x, dim)
    elif x.is_sharded():
        raise OperationRefused(
            "Only INTERLEAVED memory layout is supported for inputs",
            "Use ttnn.to_memory_config.",
        )
    elif x.layout is Layout.TILE:
        if dim is None:
            raise OperationRefused(
                "For inputs with TILE layout, dim parameter must be specified!",
                "Pass dim, or convert the tensor with ttnn.to_layout.",
            )
        if x.dtype not in (DataType.BFLOAT16, DataType.FLOAT32):
            raise OperationRefused(
                "Only BFLOAT16, FLOAT32 are supported for inputs with TILE layout, got "
                f"DataType::{x.dtype.name}",
                "Convert it with ttnn.typecast.",
            )
    elif x.dtype not in FLOATS:
        _check_integer_rows(x, dim)
    value = x.value
    if dim is None:
        found = value.reshape(-1).argmax()
        result = found.reshape([1] * rank if keepdim else [])
    else:
        result = value.argmax(int(dim), keepdim=keepdim)
    if output_tensor is not None:
        return fill_output(output_tensor, result)
    device = x.device()
    assert device is not None  # checked above
    return emit(
        result,
        device,
        dtype=DataType.UINT32,
        layout=Layout.ROW_MAJOR if rank and x.logical_volume() else x.layout,
        memory_config=memory_config or x.memory_config(),
    )


def _check_reduced(x: Tensor, dim: int | None) -> None:
    """Of a scalar, or a tensor without elements, TTNN looks at nothing else."""
    shape = x.spec.shape or (1,)
    for index in range(len(shape)) if dim is None else [dim % len(shape)]:
        if not shape[index]:
            raise OperationRefused(
                f"Expected reduction dim {index} to have non-zero size",
                "Give a dimension that has elements.",
            )


def _check_integer_rows(x: Tensor, dim: int | None) -> None:
    if x.dtype is DataType.UINT8:
        raise OperationRefused(
            "Only BFLOAT16, FLOAT32, INT32, UINT32, and UINT16 are supported for inputs",
            "Convert it with ttnn.typecast.",
        )
    last = len(x.spec.shape) - 1
    if dim is not None and dim % (last + 1) != last:
        raise OperationRefused(
            f"ROW_MAJOR: only argmax on the last dim is supported. Got dim={dim}, expected {last}",
            "Permute the tensor, or convert it to floats with ttnn.typecast.",
            dim=dim,
        )


@operation("ttnn.topk")
def topk(
    input_tensor: Tensor,
    k: int = 32,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    memory_config: MemoryConfig | None = None,
    sub_core_grids: Any = None,
    indices_tensor: Tensor | None = None,
    output_tensor: Any = None,
    stable: bool = False,
) -> list[Tensor]:
    """The ``k`` greatest (or least) values along a dimension, and their indices.

    Args:
        input_tensor: tiles of BFLOAT16, BFLOAT8_B or FLOAT32 on the device.
        k: how many.
        dim: along which dimension.
        largest: the greatest rather than the least.
        sorted: accepted; the result always is.
        memory_config: output memory; that of the input if left out, or if ``dim`` is not the last.
        sub_core_grids: accepted.
        indices_tensor: accepted.
        output_tensor: not emulated.
        stable: accepted.

    Returns:
        Values in the input's dtype; indices in UINT16, or UINT32 beside FLOAT32 values and where
        the dimension has more than 65535 elements.

    Raises:
        OperationRefused: a host tensor, row major, another dtype, a ``k`` that is too large, or
            shards.
        WouldCrash: freed input, unless the result has no elements.
    """
    del sorted, sub_core_grids, indices_tensor, stable
    if output_tensor is not None:
        raise OperationRefused("The emulator does not have output_tensor here.", "Leave it out.")
    x = input_tensor
    if k < 0:
        raise IncompatibleArguments
    if x.storage_type() is not StorageType.DEVICE:
        _require_device(x)
    shape = x.spec.shape
    rank = len(shape)
    if not rank:
        require_device_or_crash(x)
    if not -max(rank, 1) <= dim < max(rank, 1):
        raise OperationRefused(
            "Dimension for topk is out of range (expected to be in range of "
            f"[{-rank}, {rank - 1}])",
            "Pass a dimension of the tensor.",
            dim=dim,
        )
    size = shape[dim] if shape else 1
    if k > size:
        raise OperationRefused(
            f"K cannot be larger than the dimension size! K={k}, dimension size={size}",
            "Use a smaller k.",
        )
    if not rank:
        k = 1  # a scalar is found, whatever is asked
    if k == 0 or not x.logical_volume():
        return _nothing(x, k, dim, memory_config)
    device = require_device_or_crash(x)
    if shape:
        _check_values(x)
    # Along another dimension TTNN exchanges it with the last, in the input's memory.
    is_last = rank < 2 or dim % rank == rank - 1
    exchanged = x if is_last else transpose(x, dim, -1, memory_config=x.memory_config())
    _check_memory(exchanged, memory_config or x.memory_config())
    values, indices = torch.topk(x.value.to(torch.float32), k, dim, largest=largest)
    memory = (memory_config if is_last else None) or x.memory_config()
    wide = bool(rank) and (x.dtype is DataType.FLOAT32 or size > 65535)
    indices_dtype = DataType.UINT32 if wide else DataType.UINT16
    return [
        emit(found, device, dtype=kind, layout=x.layout, memory_config=memory)
        for found, kind in ((values, x.dtype), (indices, indices_dtype))
    ]


def _check_values(x: Tensor) -> None:
    if x.layout is not Layout.TILE:
        raise OperationRefused(
            "The input must be in tiled format",
            "Convert the tensor with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
        )
    if x.dtype not in FLOATS or x.dtype is DataType.BFLOAT4_B:
        raise OperationRefused(
            f"Input tensor must be BFLOAT16, BFLOAT8_B, or FLOAT32, got: DataType::{x.dtype.name}",
            "Convert it with ttnn.typecast.",
        )


def _check_memory(x: Tensor, memory: MemoryConfig) -> None:
    """Refuse shards, but of an input that TTNN can fill up to enough columns.

    Args:
        x: the input, whose last dimension is searched.
        memory: of the result, before dimensions are exchanged back.

    Raises:
        OperationRefused: a sharded result, or an input that can't be filled up.
    """
    if memory.is_sharded():
        missing = memory.shard_spec is None
        raise OperationRefused(
            "bad optional access" if missing else "Sharded implementation not supported yet",
            "Pass an interleaved memory_config.",
            memory_config=memory,
        )
    if not x.is_sharded():
        return
    check_slices(x)
    padded = x.spec.padded_shape
    if padded[-1] < _LEAST_COLUMNS:
        wide = (*padded[:-1], _LEAST_COLUMNS)
        tensor_spec(wide, x.dtype, x.layout, widened_memory(x, wide))


def _nothing(x: Tensor, k: int, dim: int, memory_config: MemoryConfig | None) -> list[Tensor]:
    """A result without elements, for which TTNN does not look at dtype and layout: twice the same.

    Of a freed tensor the result is on the host.
    """
    shape = list(x.spec.shape)
    shape[dim] = k
    zeros = quantise(torch.zeros(shape), x.dtype)
    device = x.device()
    if device is None:
        spec = tensor_spec(tuple(shape), x.dtype, x.layout)
        return [Tensor.on_host(zeros.clone(), spec) for _ in range(2)]
    memory = memory_config or x.memory_config()
    return [
        emit(zeros.clone(), device, dtype=x.dtype, layout=x.layout, memory_config=memory)
        for _ in range(2)
    ]
