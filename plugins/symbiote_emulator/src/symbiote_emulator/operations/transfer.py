# ruff: noqa: ARG001 - the parameters are TTNN's, not all of them matter here
"""Between torch, the host and the device."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_emulator.device import Device
from symbiote_emulator.errors import IncompatibleArguments, OperationRefused, WouldCrash
from symbiote_emulator.numerics import BLOCK_FLOATS, DEFAULT_DTYPE, ingest
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import tensor_spec
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    Arch,
    DataType,
    Layout,
    MemoryConfig,
    StorageType,
)


@operation("ttnn.from_torch", is_python=True)
def from_torch(
    tensor: torch.Tensor | None,
    dtype: DataType | None = None,
    *,
    spec: None = None,
    tile: Any = None,
    pad_value: float | None = None,
    layout: Any = None,
    device: Device | None = None,
    memory_config: MemoryConfig | None = None,
    mesh_mapper: Any = None,
    cq_id: int | None = None,
    preserve_nan_values: bool = False,
    col_tilize: bool = False,
    enable_bfloat_opt: bool = False,
) -> Tensor | None:
    """Make a tensor from a torch tensor; the data is copied.

    Args:
        tensor: any shape; any real dtype. ``None`` gives ``None``.
        dtype: element type; chosen from the torch dtype if left out.
        spec: not emulated.
        tile: accepted; tiles are 32 x 32.
        pad_value: padding of tiles; it joins the last block of block floats.
        layout: row major if left out, but tiles for block floats.
        device: where it goes; the host if left out.
        memory_config: DRAM, interleaved, if left out.
        mesh_mapper: accepted; there is one device.
        cq_id: accepted.
        preserve_nan_values: accepted; NaN stays NaN.
        col_tilize: the last two dimensions are exchanged before block floats are packed.
        enable_bfloat_opt: accepted.

    Raises:
        OperationRefused: dtype, layout and memory don't go together.
        WouldCrash: float64 without ``dtype``.
        OutOfMemoryError: the device has no room.
    """
    if not (layout is None or isinstance(layout, Layout)):
        raise IncompatibleArguments
    if tensor is None:
        return None
    if col_tilize:
        _check_col_tilize(tensor, dtype, layout)
        tensor = tensor.transpose(-2, -1)
    config = memory_config or DRAM_MEMORY_CONFIG
    if config.is_sharded() and config.shard_spec is None:
        raise OperationRefused(
            "ttnn.from_torch: Shard spec must not be None for sharded tensors",
            "Give the memory config a shard_spec.",
        )
    dtype = _choose_dtype(tensor, dtype)
    if dtype is DataType.FP8_E4M3:
        _check_fp8(tensor, device)
    block = dtype in BLOCK_FLOATS
    if layout is None:
        layout = Layout.TILE if block else Layout.ROW_MAJOR
    if block and layout is not Layout.TILE:
        raise OperationRefused(
            "Layout must be Layout::TILE for bfloat8_b or bfloat4_b!",
            "Pass layout=ttnn.TILE_LAYOUT.",
            dtype=dtype,
        )
    target = tensor_spec(tuple(tensor.shape), dtype, layout, config)
    buffer = None if device is None else device.allocate(target)
    value = ingest(tensor, dtype, pad_value or 0.0)
    if device is not None:
        device.count_upload(target.nbytes)
    return Tensor(value, target, buffer)


def _check_col_tilize(tensor: torch.Tensor, dtype: DataType | None, layout: Any) -> None:
    if dtype not in BLOCK_FLOATS:
        needs = "BFP dtype (bfloat8_b or bfloat4_b)"
    elif layout not in (None, Layout.TILE):
        needs = "layout to be None or ttnn.TILE_LAYOUT"
    elif tensor.ndim < 2:
        needs = "tensor.ndim >= 2"
    else:
        return
    raise OperationRefused(
        f"ttnn.from_torch: col_tilize=True requires {needs}",
        "Transpose the torch tensor instead.",
    )


@operation("ttnn.to_torch", is_python=True)
def to_torch(
    tensor: Tensor,
    dtype: torch.dtype | None = None,
    *,
    torch_rank: int | None = None,
    mesh_composer: Any = None,
    device: Device | None = None,
    cq_id: int | None = None,
) -> torch.Tensor:
    """The values as a torch tensor in memory of its own.

    Args:
        tensor: on the device or the host.
        dtype: converted to this torch dtype at the end; block floats come as float32.
        torch_rank: leading dimensions of size 1 are dropped until this rank is reached.
        mesh_composer: accepted; there is one device.
        device: accepted.
        cq_id: accepted.

    Raises:
        WouldCrash: the tensor was deallocated.
        OperationRefused: a dimension that ``torch_rank`` drops is not 1.
    """
    out = tensor.to_torch()
    while torch_rank is not None and out.dim() > torch_rank:
        if out.shape[0] != 1:
            raise OperationRefused(
                "ttnn: Unable to squeeze to desired rank!",
                "Leave torch_rank out, or reshape first.",
                shape=tensor.spec.shape,
                torch_rank=torch_rank,
            )
        out = out.squeeze(0)
    return out if dtype is None else out.to(dtype)


@operation("ttnn.to_device")
def to_device(tensor: Tensor, device: Device, memory_config: MemoryConfig | None = None) -> Tensor:
    """Copy a host tensor to a device; a tensor that is there already is returned as a view.

    Args:
        tensor: any shape and dtype.
        device: where it goes.
        memory_config: DRAM, interleaved, if left out.

    Raises:
        OutOfMemoryError: the device has no room.
    """
    if tensor.storage_type() is StorageType.DEVICE:
        if not tensor.is_allocated():
            return tensor  # TTNN does not look
        return tensor.view(tensor.value, tensor.spec)
    spec = tensor.spec.replace(memory_config=memory_config or tensor.spec.memory_config)
    # A copy, since operations may write device tensors in place.
    moved = Tensor.on_device(tensor.value.clone(), spec, device)
    device.count_upload(spec.nbytes)
    return moved


@operation("ttnn.from_device")
def from_device(tensor: Tensor, blocking: bool = True) -> Tensor:
    """Copy a device tensor to the host; host tensors are returned as they are.

    Raises:
        WouldCrash: the tensor was deallocated.
    """
    return tensor.cpu()


@operation("ttnn.deallocate")
def deallocate(tensor: Tensor, force: bool = True) -> None:
    """Free the device memory of a tensor and of all views of it; host tensors are left alone.

    Args:
        tensor: a second call does nothing.
        force: without it, memory that views share is left alone.
    """
    tensor.deallocate(force)


def _choose_dtype(tensor: torch.Tensor, dtype: DataType | None) -> DataType:
    if dtype is not None:
        return dtype
    if tensor.dtype is torch.float64:
        raise WouldCrash(
            "from_torch of a torch.float64 tensor without dtype aborts.",
            "Pass dtype=ttnn.float32 or ttnn.bfloat16, or convert the torch tensor first.",
            torch_dtype=tensor.dtype,
        )
    chosen = DEFAULT_DTYPE.get(tensor.dtype)
    if chosen is None:
        raise OperationRefused(
            f"Unsupported torch dtype {tensor.dtype}",
            "Convert the torch tensor to float32 or int32 first.",
            torch_dtype=tensor.dtype,
        )
    return chosen


def _check_fp8(tensor: torch.Tensor, device: Device | None) -> None:
    if tensor.dtype is not torch.float32:
        raise OperationRefused(
            f"ttnn.from_torch: source dtype {tensor.dtype} is not supported when target is "
            "ttnn.fp8_e4m3; only float32 input is supported. Cast to torch.float32 first.",
            torch_dtype=tensor.dtype,
        )
    if device is not None and device.arch() is Arch.WORMHOLE_B0:
        raise OperationRefused(
            "FP8_E4M3 is not supported on arch wormhole_b0",
            "Use ttnn.bfloat8_b, or a Blackhole device.",
        )
