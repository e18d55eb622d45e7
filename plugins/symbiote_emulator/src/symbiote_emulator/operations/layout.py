# ruff: noqa: ARG001 - the parameters are TTNN's, not all of them matter here
"""Changes of layout, memory and dtype that keep the elements."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_emulator.errors import (
    IncompatibleArguments,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.numerics import BLOCK_FLOATS, ELEMENT_SIZE, quantise
from symbiote_emulator.operations._common import (
    emit_spec,
    fill_output,
    loses_shape_in_tiles,
    needs_padding,
    require_device,
    require_device_or_crash,
    require_rows,
)
from symbiote_emulator.operations._shards import (
    check_padding_in_shards,
    refuse_dram_blocks,
    refuse_spare_columns,
    require_same_memory_layout,
)
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import TensorSpec
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    DataType,
    Layout,
    MemoryConfig,
    ShardSpec,
    StorageType,
    TensorMemoryLayout,
    WormholeComputeKernelConfig,
)


@operation("ttnn.to_layout")
def to_layout(
    tensor: Tensor,
    layout: Layout,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    sub_core_grids: Any = None,
    pad_value: float = 0.0,
) -> Tensor:
    """Change between row major and tiles.

    With the layout that the tensor has, the result is a view, and ``dtype`` and
    ``memory_config`` are ignored, as in TTNN.

    Args:
        tensor: any shape.
        layout: the target.
        dtype: to tiles: the output dtype; to row major: the tensor's own, or BFLOAT16 for
            BFLOAT8_B. Ignored on the host.
        memory_config: that of the tensor if left out.
        sub_core_grids: accepted.
        pad_value: padding; padding has no values here.

    Raises:
        OperationRefused: the combination is refused by TTNN.
        WouldCrash: the tensor was deallocated.
        WrongInTTNN: tiles would have to be padded, and there are none.
    """
    if layout is Layout.INVALID:
        raise OperationRefused(
            f"ttnn::to_layout: Unsupported layout conversion from Layout::{tensor.layout.name} to "
            "Layout::INVALID!",
            "Use ttnn.TILE_LAYOUT or ttnn.ROW_MAJOR_LAYOUT.",
        )
    if tensor.layout is layout:
        return _same(tensor)
    spec = tensor.spec
    if tensor.storage_type() is StorageType.HOST:
        return _host_to_layout(tensor, layout, memory_config)
    device = require_device_or_crash(tensor)
    target = dtype or spec.dtype
    if layout is Layout.ROW_MAJOR:
        target = _row_major_dtype(spec.dtype, dtype)
        check_padding_in_shards(spec, memory_config)
    if layout is Layout.TILE and needs_padding(spec):
        if spec.dtype is DataType.UINT8:
            raise OperationRefused(
                "Can only tilize bfloat16/float32 or int32/uint32/uint16 or fp8_e4m3 tensors",
                "Give it whole tiles, or convert it with ttnn.typecast.",
            )
        if loses_shape_in_tiles(tensor):
            raise WrongInTTNN(
                "Tiles of no elements.",
                "TTNN returns the padded shape as the logical one. Make the result with "
                "ttnn.empty.",
            )
    # TTNN lays the intermediate out in the memory of the input before it moves it.
    spec.replace(layout=layout, dtype=target)
    if memory_config is None and layout is Layout.ROW_MAJOR:
        memory_config = _without_padding(spec)
    out = spec.replace(layout=layout, dtype=target, memory_config=memory_config)
    return emit_spec(tensor.value.clone(), device, out)


def _without_padding(spec: TensorSpec) -> MemoryConfig | None:
    """The memory of rows, where shards of whole rows of tiles lose their padding; else None."""
    memory = spec.memory_config
    shards = memory.shard_spec
    if memory.memory_layout is not TensorMemoryLayout.HEIGHT_SHARDED or shards is None:
        return None
    if not spec.shape or shards.shape[1] == spec.shape[-1]:
        return None
    rows = ShardSpec(shards.grid, [shards.shape[0], spec.shape[-1]], shards.orientation)
    return MemoryConfig(memory.memory_layout, memory.buffer_type, rows)


@operation("ttnn.to_memory_config")
def to_memory_config(
    tensor: Tensor,
    memory_config: MemoryConfig,
    dtype: DataType | None = None,
    output_tensor: Tensor | None = None,
) -> Tensor:
    """Move between DRAM and L1, or between interleaved and sharded.

    With the memory that the tensor has, the result is a view and ``dtype`` is ignored.

    Args:
        tensor: any shape, on the device.
        memory_config: the target; a sharded one needs a shard specification.
        dtype: output dtype.
        output_tensor: written and returned if given.

    Raises:
        OperationRefused: the tensor is not on the device, or the shards don't fit.
        WouldCrash: its rows have no elements, or its shards, or some of its cores no columns.
    """
    device = require_device(tensor)
    if memory_config == tensor.memory_config() and output_tensor is None:
        return _same(tensor)
    refuse_dram_blocks(tensor.memory_config(), memory_config)
    require_rows(tensor)
    shards = memory_config.is_sharded() or tensor.is_sharded()
    if shards and not tensor.logical_volume():
        raise WouldCrash("Shards of no elements.", "Make the result with ttnn.empty.")
    if output_tensor is not None:
        return fill_output(output_tensor, tensor.value)
    if dtype not in (None, tensor.dtype) and tensor.layout is not Layout.TILE:
        raise OperationRefused(
            "Only tile layout supports dtype conversion",
            "Use ttnn.typecast, or convert to ttnn.TILE_LAYOUT first.",
            dtype=dtype,
        )
    spec = tensor.spec.replace(memory_config=memory_config, dtype=dtype)
    refuse_spare_columns(tensor, memory_config)
    return emit_spec(tensor.value.clone(), device, spec)


@operation("ttnn.typecast")
def typecast(
    input_tensor: Tensor,
    dtype: DataType | None = None,
    output_dtype: DataType | None = None,
    *,
    input_dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    sub_core_grids: Any = None,
) -> Tensor:
    """Convert to another dtype; two dtypes by position are input and output dtype.

    Args:
        input_tensor: any shape, either layout, on the device or the host.
        dtype: output dtype, or input dtype if ``output_dtype`` follows.
        output_dtype: output dtype of the second form.
        input_dtype: input dtype of the second form, by keyword.
        memory_config: that of the input if left out.
        output_tensor: written and returned if given.
        sub_core_grids: accepted.

    Raises:
        OperationRefused: the tensor was deallocated, has rows but none with elements, the dtype
            does not go with the layout, or ``output_tensor`` has another dtype.
        WouldCrash: its rows have no elements.
    """
    target = output_dtype or dtype
    if target is None or (input_dtype is not None and output_dtype is None):
        raise IncompatibleArguments
    given = input_dtype or (dtype if output_dtype is not None else None)
    if given not in (None, input_tensor.dtype):
        raise OperationRefused(
            "input dtype and input tensor's dtype provided should match",
            "Leave the input dtype out.",
            dtype=input_tensor.dtype,
            input_dtype=given,
        )
    if input_tensor.storage_type() is StorageType.HOST:
        tiles = Layout.TILE if target in BLOCK_FLOATS else None  # TTNN tilizes for these
        host_spec = input_tensor.spec.replace(dtype=target, layout=tiles)
        if tiles is not None and host_spec.padded_shape != input_tensor.spec.padded_shape:
            raise OperationRefused(
                "to_dtype: Converting layout to Layout::TILE implicitly changed physical shape",
                "Convert it with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT) first.",
                dtype=target,
            )
        return Tensor.on_host(_fresh(input_tensor.value, target), host_spec)
    device = require_device(input_tensor)
    if output_tensor is not None:
        if output_tensor.dtype is not target:
            raise OperationRefused(
                "If both output dtype and output tensor provided dtype should match",
                "Make the output tensor with that dtype, or leave it out.",
                dtype=target,
                output_dtype=output_tensor.dtype,
            )
        return fill_output(output_tensor, input_tensor.value)
    _check_shard_pages(input_tensor.spec)
    out = input_tensor.spec.replace(dtype=target, memory_config=memory_config)
    require_same_memory_layout(input_tensor.memory_config(), out.memory_config)
    require_rows(input_tensor)
    if input_tensor.layout is Layout.ROW_MAJOR and not input_tensor.logical_volume():
        raise OperationRefused(
            "DFB 'out' has no producer", "A tensor without elements: make it with ttnn.empty."
        )
    return emit_spec(input_tensor.value.clone(), device, out)


@operation("ttnn.clone")
def clone(
    input: Tensor,
    *,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
) -> Tensor:
    """Copy a device tensor, to another memory or dtype if asked.

    Args:
        input: any shape, on the device.
        dtype: output dtype; another one needs tiles.
        memory_config: that of the input if left out.
        compute_kernel_config: accepted.

    Raises:
        OperationRefused: a new dtype in row major, or interleaved to sharded or back.
        WouldCrash: the tensor is on the host or deallocated, or its rows have no elements.
    """
    device = require_device_or_crash(input)
    require_rows(input)
    if dtype not in (None, input.dtype) and input.layout is not Layout.TILE:
        # TTNN checks block floats against the layout first.
        input.spec.replace(dtype=dtype)
        raise OperationRefused(
            "Clone: data type conversion is only supported with tile layout",
            "Use ttnn.typecast, or convert to ttnn.TILE_LAYOUT first.",
            dtype=dtype,
        )
    out = input.spec.replace(dtype=dtype, memory_config=memory_config)
    if out.memory_config.is_sharded() != input.is_sharded():
        raise OperationRefused(
            "Clone: mixed sharded/interleaved layout not currently supported. Both input and "
            "output must have the same layout.",
            "Use ttnn.to_memory_config.",
        )
    if dtype not in (None, input.dtype) and not input.logical_volume():
        raise OperationRefused(
            "DFB 'dst' has no producer", "A tensor without elements: make it with ttnn.empty."
        )
    return emit_spec(input.value.clone(), device, out)


@operation("ttnn.move")
def move(input_tensor: Tensor, *, memory_config: MemoryConfig | None = None) -> Tensor:
    """Move a tensor to other memory and free the input.

    Raises:
        OperationRefused: the tensor is not on the device, or would leave its shards.
        OutOfMemoryError: no room for both.
        WouldCrash: its rows have no elements, and the memory is another one.
        WrongInTTNN: shards would become shards of another kind.
    """
    device = require_device(input_tensor)
    if input_tensor.is_sharded() and memory_config is not None:
        _require_its_memory(input_tensor.memory_config(), memory_config)
        memory_config = None  # TTNN leaves the shards as they are, whatever is asked
    if memory_config not in (None, input_tensor.memory_config()):
        require_rows(input_tensor)
    spec = input_tensor.spec.replace(memory_config=memory_config)
    out = emit_spec(input_tensor.value.clone(), device, spec)
    input_tensor.deallocate(force=True)
    return out


def _require_its_memory(before: MemoryConfig, asked: MemoryConfig) -> None:
    """Refuse to move shards to another buffer type or memory layout."""
    if not asked.is_sharded():
        raise OperationRefused(
            "Expected output tensor memory config to be sharded", "Use ttnn.to_memory_config."
        )
    if asked.buffer_type is not before.buffer_type:
        raise OperationRefused(
            "Expected input buffer alignment and output buffer alignment to be equal",
            "Use ttnn.to_memory_config.",
        )
    if asked.memory_layout is not before.memory_layout:
        raise WrongInTTNN(
            "Shards would become shards of another kind.", "Use ttnn.to_memory_config."
        )


@operation("ttnn.copy")
def copy(input_a: Tensor, input_b: Tensor) -> Tensor:
    """Write the values of ``input_a`` into ``input_b``, and return ``input_b``.

    Raises:
        OperationRefused: a tensor is not on the device, or shapes or layouts differ.
        WouldCrash: their rows have no elements.
    """
    require_device(input_a)
    require_device(input_b)
    if input_a.spec.shape != input_b.spec.shape:
        raise OperationRefused(
            f"Input tensor shape {input_a.shape} does not match output tensor shape "
            f"{input_b.shape}",
            "Use tensors of one shape.",
        )
    if input_a.layout is not input_b.layout:
        raise OperationRefused(
            f"Input tensor layout (Layout::{input_a.layout.name}) must equal output tensor layout "
            f"(Layout::{input_b.layout.name})",
            "Convert one with ttnn.to_layout.",
        )
    if input_a.dtype is not input_b.dtype and input_a.layout is not Layout.TILE:
        raise OperationRefused(
            "Only tile layout supports dtype conversion", "Convert one with ttnn.typecast."
        )
    require_rows(input_a)
    return fill_output(input_b, input_a.value)


def _same(tensor: Tensor) -> Tensor:
    # A deallocated tensor passes through, as in TTNN; its data is asked for later, or never.
    return tensor.view(tensor.value, tensor.spec) if tensor.is_allocated() else tensor


def _fresh(value: torch.Tensor, dtype: DataType) -> torch.Tensor:
    rounded = quantise(value, dtype)
    return rounded.clone() if rounded is value else rounded


def _host_to_layout(tensor: Tensor, layout: Layout, memory_config: MemoryConfig | None) -> Tensor:
    if tensor.dtype in BLOCK_FLOATS and not needs_padding(tensor.spec):
        return tensor  # TTNN leaves whole tiles as they are
    if memory_config is not None:
        tensor.spec.replace(memory_config=memory_config, layout=layout)
    spec = tensor.spec.replace(layout=layout, memory_config=DRAM_MEMORY_CONFIG)
    return Tensor.on_host(tensor.value.clone(), spec)


def _row_major_dtype(dtype: DataType, asked: DataType | None) -> DataType:
    result = DataType.BFLOAT16 if dtype is DataType.BFLOAT8_B else dtype
    if asked in (None, dtype, result):
        return result
    raise OperationRefused(
        "dtype cannot be different from tensor dtype when converting to ROW_MAJOR_LAYOUT on "
        "device (allowed exception: BFLOAT8_B -> BFLOAT16, which untilize handles natively)",
        "Use ttnn.typecast for the dtype.",
        dtype=dtype,
        asked=asked,
    )


def _check_shard_pages(spec: TensorSpec) -> None:
    shard = spec.memory_config.shard_spec
    if shard is None or spec.layout is Layout.TILE:
        return
    page = shard.shape[-1] * ELEMENT_SIZE[spec.dtype]
    if page % 16:
        raise OperationRefused(
            f"Typecast operation requires sharded input tensor page size ({page} bytes) to be "
            "aligned to L1 (16 bytes)",
            "Choose a wider shard.",
            page_bytes=page,
        )
