"""What operations share: checks of operands, and making the output."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from symbiote_emulator.device import Device
from symbiote_emulator.errors import OperationRefused, WouldCrash
from symbiote_emulator.numerics import quantise
from symbiote_emulator.spec import TensorSpec, tensor_spec
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DataType, Layout, MemoryConfig, StorageType

# -- checks of operands ---------------------------------------------------------------------------


def require_device(tensor: Tensor) -> Device:
    """The device of an operand, or TTNN's generic refusals of device operations.

    Raises:
        OperationRefused: the tensor is on the host, or deallocated.
    """
    if tensor.storage_type() is StorageType.HOST:
        raise OperationRefused(
            "Device Operations expect device tensors as inputs",
            "Move the tensor with ttnn.to_device(tensor, device).",
            shape=tensor.spec.shape,
        )
    device = tensor.device()
    if device is None:
        raise OperationRefused(
            "Input Tensor is not allocated",
            "Keep the tensor until its last use.",
            shape=tensor.spec.shape,
        )
    return device


def require_device_or_crash(tensor: Tensor) -> Device:
    """The device of an operand of an operation that dies on host and freed tensors in TTNN.

    Raises:
        WouldCrash: the tensor is on the host, or deallocated.
    """
    device = tensor.device()
    if device is None:
        where = "on the host" if tensor.storage_type() is StorageType.HOST else "deallocated"
        raise WouldCrash(
            f"The operand is {where}.",
            "Move it with ttnn.to_device, and keep it until its last use.",
            shape=tensor.spec.shape,
        )
    return device


def require_tile(tensor: Tensor, info: str) -> None:
    """Refuse row-major operands.

    Args:
        tensor: the operand.
        info: TTNN's words for this operation.

    Raises:
        OperationRefused: the layout is not TILE.
    """
    if tensor.layout is not Layout.TILE:
        raise OperationRefused(
            info,
            "Convert the tensor with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
            shape=tensor.spec.shape,
            layout=tensor.layout,
        )


def require_rows(tensor: Tensor) -> None:
    """Refuse row-major operands whose rows have no elements: TTNN divides by their length.

    Raises:
        WouldCrash: they have none.
    """
    if tensor.layout is Layout.ROW_MAJOR and tensor.spec.padded_shape[-1] == 0:
        raise WouldCrash(
            "Rows without elements.", "Make the result with ttnn.empty.", shape=tensor.spec.shape
        )


def require_elements(tensor: Tensor) -> None:
    """Refuse row-major operands without elements, which TTNN can't convert to another dtype.

    Raises:
        OperationRefused: it has none.
        WouldCrash: its rows have none.
    """
    require_rows(tensor)
    if tensor.layout is Layout.ROW_MAJOR and 0 in tensor.spec.shape:
        raise OperationRefused(
            "DFB 'out' has no producer",
            "Make the result with ttnn.empty.",
            shape=tensor.spec.shape,
        )


def needs_padding(spec: TensorSpec) -> bool:
    """Whether the tiles of a tensor are not all full."""
    return spec.replace(layout=Layout.TILE).padded_shape != spec.shape


def loses_shape_in_tiles(tensor: Tensor) -> bool:
    """Whether TTNN returns the padded shape as the logical one when it makes tiles of rows.

    It does of those without elements that have to be padded, except of vectors.
    """
    empty = len(tensor.spec.shape) > 1 and not tensor.logical_volume()
    return empty and needs_padding(tensor.spec)


def broadcast_shapes(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    """The shape of an elementwise result: dimensions are equal, or one of them is 1.

    Raises:
        OperationRefused: they are neither.
    """
    if tuple(a) == tuple(b):
        return tuple(a)
    rank = max(len(a), len(b))
    left = (1,) * (rank - len(a)) + tuple(a)
    right = (1,) * (rank - len(b)) + tuple(b)
    for index in range(1, rank + 1):
        x, y = left[-index], right[-index]
        if x != y and x != 1 and y != 1:
            raise OperationRefused(
                f"Broadcasting rule violation at dimension index -{index} (output rank {rank}), "
                f"dim a: {x}, dim b: {y}",
                "Make the dimensions equal, or one of them 1.",
                a=tuple(a),
                b=tuple(b),
            )
    return tuple(y if x == 1 else x for x, y in zip(left, right, strict=True))


# -- output ---------------------------------------------------------------------------------------


def emit(
    value: torch.Tensor,
    device: Device,
    *,
    dtype: DataType,
    layout: Layout,
    memory_config: MemoryConfig,
    shape: Sequence[int] | None = None,
) -> Tensor:
    """Round a result once and put it on the device.

    Args:
        value: the result, in float32 or an integer type, in memory of its own.
        device: where it goes.
        dtype: output dtype; the rounding is :func:`~symbiote_emulator.numerics.quantise`.
        layout: output layout.
        memory_config: output memory.
        shape: logical shape, if ``value`` has another one of the same volume.

    Raises:
        OperationRefused: the specification is not valid.
        OutOfMemoryError: no room.
    """
    dims = tuple(value.shape) if shape is None else tuple(shape)
    spec = tensor_spec(dims, dtype, layout, memory_config)
    return emit_spec(value, device, spec)


def emit_spec(value: torch.Tensor, device: Device, spec: TensorSpec) -> Tensor:
    """Like :func:`emit`, for a specification that is known already."""
    buffer = device.allocate(spec)
    if spec.dtype is not DataType.BFLOAT16 or value.dtype is not torch.bfloat16:
        value = quantise(value, spec.dtype)
    return Tensor(value if value.shape == spec.shape else value.reshape(spec.shape), spec, buffer)


def fill_output(output: Tensor, value: torch.Tensor) -> Tensor:
    """Write a result into a tensor that the caller supplied, and return that tensor.

    Args:
        output: the supplied tensor.
        value: the result, broadcastable to the shape of ``output``.

    Raises:
        OperationRefused: ``output`` is not on a device, or has another shape.
    """
    require_device(output)
    if value.numel() == output.value.numel():
        value = value.reshape(output.value.shape)  # TTNN compares volumes, not ranks
    if value.shape != output.value.shape:
        raise OperationRefused(
            f"Shape of Output tensor {output.shape} must match {list(value.shape)}",
            "Supply an output tensor of the shape of the result, or none.",
            expected=tuple(value.shape),
            given=output.spec.shape,
        )
    output.write(value)
    return output
