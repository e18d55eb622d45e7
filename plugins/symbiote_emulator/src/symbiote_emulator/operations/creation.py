"""Tensors made from nothing: zeros, ones, full, empty, arange and their ``_like`` forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

from symbiote_emulator.device import Device
from symbiote_emulator.errors import IncompatibleArguments, OperationRefused, WouldCrash
from symbiote_emulator.numerics import BLOCK_FLOATS, FLOATS, quantise
from symbiote_emulator.operations._common import fill_output
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import tensor_spec
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    DataType,
    Layout,
    MemoryConfig,
)


@operation("ttnn.full")
def full(
    shape: Sequence[int],
    fill_value: float,
    dtype: DataType | None = None,
    layout: Layout | None = None,
    device: Device | None = None,
    memory_config: MemoryConfig | None = None,
    optional_tensor: Tensor | None = None,
) -> Tensor:
    """A tensor of one value.

    Args:
        shape: any rank.
        fill_value: the value, rounded to ``dtype``.
        dtype: BFLOAT16 if left out.
        layout: row major if left out, but tiles for block floats.
        device: the host if left out.
        memory_config: DRAM, interleaved, if left out, and on the host.
        optional_tensor: written and returned if given.

    Raises:
        OperationRefused: the specification is not valid.
        OutOfMemoryError: no room.
    """
    return _filled(shape, fill_value, dtype, layout, device, memory_config, optional_tensor)


@operation("ttnn.zeros")
def zeros(
    shape: Sequence[int],
    dtype: DataType | None = None,
    layout: Layout | None = None,
    device: Device | None = None,
    memory_config: MemoryConfig | None = None,
) -> Tensor:
    """A tensor of zeros; see :func:`full`."""
    return _filled(shape, 0.0, dtype, layout, device, memory_config)


@operation("ttnn.ones")
def ones(
    shape: Sequence[int],
    dtype: DataType | None = None,
    layout: Layout | None = None,
    device: Device | None = None,
    memory_config: MemoryConfig | None = None,
) -> Tensor:
    """A tensor of ones; see :func:`full`."""
    return _filled(shape, 1.0, dtype, layout, device, memory_config)


@operation("ttnn.empty")
def empty(
    shape: Sequence[int],
    dtype: DataType = DataType.BFLOAT16,
    layout: Layout = Layout.ROW_MAJOR,
    device: Device | None = None,
    memory_config: MemoryConfig = DRAM_MEMORY_CONFIG,
) -> Tensor:
    """A device tensor with unspecified values (zeros here); ``device`` must be given.

    Raises:
        ArgumentMismatch: no device.
        OperationRefused: the specification is not valid.
        OutOfMemoryError: no room.
    """
    if device is None:
        raise IncompatibleArguments
    return _filled(shape, 0.0, dtype, layout, device, memory_config)


@operation("ttnn.full_like")
def full_like(
    tensor: Tensor,
    fill_value: float,
    dtype: DataType | None = None,
    layout: Layout | None = None,
    device: Device | None = None,
    memory_config: MemoryConfig | None = None,
    optional_tensor: Tensor | None = None,
) -> Tensor:
    """A tensor of one value like another tensor; see :func:`full`.

    Shape, and by default dtype, layout, device and memory, are those of ``tensor``.

    Raises:
        WouldCrash: ``tensor`` was deallocated.
    """
    return _like(tensor, fill_value, dtype, layout, device, memory_config, optional_tensor)


@operation("ttnn.zeros_like")
def zeros_like(
    tensor: Tensor,
    dtype: DataType | None = None,
    layout: Layout | None = None,
    device: Device | None = None,
    memory_config: MemoryConfig | None = None,
    optional_tensor: Tensor | None = None,
) -> Tensor:
    """Zeros like another tensor; see :func:`full_like`."""
    return _like(tensor, 0.0, dtype, layout, device, memory_config, optional_tensor)


@operation("ttnn.ones_like")
def ones_like(
    tensor: Tensor,
    dtype: DataType | None = None,
    layout: Layout | None = None,
    device: Device | None = None,
    memory_config: MemoryConfig | None = None,
    optional_tensor: Tensor | None = None,
) -> Tensor:
    """Ones like another tensor; see :func:`full_like`."""
    return _like(tensor, 1.0, dtype, layout, device, memory_config, optional_tensor)


@operation("ttnn.empty_like")
def empty_like(
    tensor: Tensor,
    *,
    dtype: DataType | None = None,
    layout: Layout | None = None,
    device: Device | None = None,
    memory_config: MemoryConfig | None = None,
) -> Tensor:
    """An unspecified tensor (zeros here) like another; see :func:`full_like`.

    Raises:
        WouldCrash: ``tensor`` was deallocated, or is on the host and no device is given.
    """
    if device is None and tensor.device() is None:
        raise WouldCrash("The tensor is on the host, or was deallocated.", "Pass the device.")
    return _filled(
        tensor.spec.shape,
        0.0,
        dtype or tensor.dtype,
        layout or tensor.layout,
        device or tensor.device(),
        memory_config or tensor.memory_config(),
    )


_LEFT_OUT: Final = -(2**64)  # no bound that anybody gives: TTNN's have 64 bits


@operation("ttnn.arange")
def arange(
    first: int = _LEFT_OUT,
    /,
    end: int = _LEFT_OUT,
    step: int = _LEFT_OUT,
    *,
    start: int = _LEFT_OUT,
    dtype: DataType = DataType.BFLOAT16,
    device: Device | None = None,
    memory_config: MemoryConfig = DRAM_MEMORY_CONFIG,
    layout: Layout = Layout.ROW_MAJOR,
) -> Tensor:
    """Evenly spaced integers [ceil((end - start) / step)]; one argument is the end.

    Args:
        first: the end, or the start where an end is given.
        end: bound, not included.
        step: distance, not zero, 1 if left out.
        start: first value, 0 if only the end is given.
        dtype: element type, no block float and no UINT8.
        device: the host if left out.
        memory_config: DRAM, interleaved, if left out, and on the host.
        layout: row major if left out.

    Raises:
        ArgumentMismatch: a start without an end, an end alone beside a step, or a number of more
            than 64 bits.
        OperationRefused: step 0, or a step that leads away from the end; an unsupported
            dtype.
        WouldCrash: TTNN would count beyond 64 bits.
        OutOfMemoryError: no room.
    """
    start, end = _bounds(first, start, end)
    if start == _LEFT_OUT:
        if step != _LEFT_OUT:
            raise IncompatibleArguments
        start = 0
    step = 1 if step == _LEFT_OUT else step
    if any(not -(2**63) <= number < 2**63 for number in (start, end, step)):
        raise IncompatibleArguments
    if step == 0:
        raise OperationRefused("Step must be nonzero", "Pass another step.")
    if (step > 0 and start > end) or (step < 0 and start < end):
        raise OperationRefused(
            "Invalid range: Step direction does not match range bounds",
            "Swap the bounds or change the sign of step.",
            start=start,
            end=end,
            step=step,
        )
    if dtype in BLOCK_FLOATS or dtype is DataType.UINT8:
        raise OperationRefused(
            "Unsupported dtype", "Make it in bfloat16 and typecast.", dtype=dtype
        )
    count = -((start - end) // step)
    if not -(2**63) <= start + count * step < 2**63:
        raise WouldCrash("The number after the last has over 64 bits.", "Bring the end closer.")
    value = start + step * torch.arange(count)
    if device is None and layout is Layout.TILE:
        _refuse_bare_shards(memory_config)
    return _place(value, dtype, layout, device, memory_config)


def _refuse_bare_shards(memory_config: MemoryConfig) -> None:
    """Refuse a sharded memory without shards for a tensor on the host."""
    if memory_config.is_sharded() and memory_config.shard_spec is None:
        raise OperationRefused("bad optional access", "Leave the memory config out on the host.")


def _bounds(first: int, start: int, end: int) -> tuple[int, int]:
    """Start, or `_LEFT_OUT`, and end of a range whose first bound has no name."""
    if _LEFT_OUT not in (first, start):
        raise IncompatibleArguments
    if first != _LEFT_OUT and end == _LEFT_OUT:
        return _LEFT_OUT, first
    if end == _LEFT_OUT:
        raise IncompatibleArguments
    return max(first, start), end


def _filled(
    shape: Sequence[int],
    fill_value: float,
    dtype: DataType | None,
    layout: Layout | None,
    device: Device | None,
    memory_config: MemoryConfig | None,
    optional_tensor: Tensor | None = None,
) -> Tensor:
    chosen = dtype or DataType.BFLOAT16
    if chosen is DataType.FP8_E4M3:
        raise OperationRefused(
            "full/zeros/ones: FP8_E4M3 is an output-only dtype, used exclusively by the DeepSeek "
            "V3 prefill combine and dispatch ops; host-side construction via fill is not "
            "supported",
            "Use another dtype.",
        )
    if layout is None:
        layout = Layout.TILE if chosen in BLOCK_FLOATS else Layout.ROW_MAJOR
    dims = tuple(int(d) for d in shape)
    if any(d < 0 for d in dims):
        raise IncompatibleArguments
    if device is None:  # where TTNN looks at the memory for block floats alone
        if chosen in BLOCK_FLOATS and memory_config is not None:
            _refuse_bare_shards(memory_config)
            tensor_spec(dims, chosen, layout, memory_config)  # refuses shards that don't fit
        memory_config = None
    # Checked before anything is filled, so that a shape that can't fit costs nothing.
    spec = tensor_spec(dims, chosen, layout, memory_config or DRAM_MEMORY_CONFIG)
    buffer = None if device is None else device.allocate(spec)
    word = quantise(torch.full((1,), fill_value, dtype=torch.float32), chosen)
    value = torch.full(dims, word.item(), dtype=word.dtype)
    if optional_tensor is not None:
        return fill_output(optional_tensor, value)
    return Tensor(value, spec, buffer)


def _like(
    tensor: Tensor,
    fill_value: float,
    dtype: DataType | None,
    layout: Layout | None,
    device: Device | None,
    memory_config: MemoryConfig | None,
    optional_tensor: Tensor | None,
) -> Tensor:
    same_tiles = (
        tensor.layout is Layout.TILE
        and layout in (None, Layout.TILE)
        and tensor.dtype in FLOATS
        and tensor.dtype is not DataType.BFLOAT4_B
        and dtype in (None, tensor.dtype)
    )
    if same_tiles and not tensor.is_allocated():  # TTNN copies the rest of the specification only
        raise WouldCrash("The tensor was deallocated.", "Keep the tensor until its last use.")
    return _filled(
        tensor.spec.shape,
        fill_value,
        dtype or tensor.dtype,
        layout or tensor.layout,
        device or tensor.device(),
        memory_config or tensor.memory_config(),
        optional_tensor,
    )


def _place(
    value: torch.Tensor,
    dtype: DataType,
    layout: Layout,
    device: Device | None,
    memory_config: MemoryConfig,
) -> Tensor:
    rounded = quantise(value, dtype)
    if device is None:  # TTNN does not look at the memory on the host
        return Tensor.on_host(rounded, tensor_spec(tuple(value.shape), dtype, layout))
    spec = tensor_spec(tuple(value.shape), dtype, layout, memory_config)
    return Tensor.on_device(rounded, spec, device)
