"""Changing the shape without moving elements past each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.errors import IncompatibleArguments, OperationRefused
from symbiote_emulator.operations._common import emit, require_device
from symbiote_emulator.operations._shards import require_filled_blocks, require_same_extent
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import tensor_spec
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import TILE_SIZE, DataType, Layout, MemoryConfig, Shape, StorageType

_MOVABLE = (
    DataType.BFLOAT16,
    DataType.FLOAT32,
    DataType.INT32,
    DataType.UINT32,
    DataType.BFLOAT8_B,
    DataType.BFLOAT4_B,
)


@operation("ttnn.reshape")
def reshape(
    input_tensor: Tensor,
    shape: Shape | Sequence[int],
    padded_shape: Shape | Sequence[int] | None = None,
    *,
    memory_config: MemoryConfig | None = None,
    pad_value: int | float | None = None,
    reshape_tile_mode: Any = None,
    sub_core_grids: Any = None,
    skip_padding_fill: bool = False,
) -> Tensor:
    """The same elements in another shape.

    Where no element changes its place in a tile the result shares the input's memory.

    Args:
        input_tensor: any shape.
        shape: the new logical shape; one size may be -1.
        padded_shape: accepted.
        memory_config: output memory; that of the input if left out.
        pad_value: accepted; padding has no values here.
        reshape_tile_mode: accepted.
        sub_core_grids: accepted.
        skip_padding_fill: accepted.

    Raises:
        OperationRefused: another volume, more than one -1, or a freed tensor.
    """
    del padded_shape, pad_value, reshape_tile_mode, sub_core_grids, skip_padding_fill
    x = input_tensor
    sizes = resolve(x.spec.shape, shape)
    if not x.is_allocated():
        if memory_config is None and sizes == x.spec.shape == x.spec.padded_shape:
            return x  # TTNN returns it before it looks at its memory
        raise OperationRefused("Tensor is not allocated", "Keep the tensor until its last use.")
    device = x.device()
    memory = memory_config or x.memory_config()
    if device is None:
        spec = tensor_spec(sizes, x.dtype, x.layout)
        return Tensor.on_host(x.value.reshape(sizes).clone(), spec)
    if not x.logical_volume() and not x.is_sharded():
        memory = memory_config = x.memory_config()  # TTNN does not look at another one
    if (_is_view(x, sizes) or _keeps_matrix(x, sizes)) and memory == x.memory_config():
        if len(sizes) == 1 and len(x.spec.shape) > 1:
            _check_row_in_shards(x)
        return x.view(x.value.reshape(sizes), x.spec.replace(shape=sizes))
    _check_moves(x, sizes)
    if memory_config is None:
        require_same_extent(x, sizes)
        require_filled_blocks(x, sizes)
    value = x.value.reshape(sizes)
    return emit(value.clone(), device, dtype=x.dtype, layout=x.layout, memory_config=memory)


def _check_row_in_shards(x: Tensor) -> None:
    """Refuse to make a vector of tiles whose padding lies in shards of parts of a row."""
    shards, width = x.memory_config().shard_spec, x.spec.padded_shape[-1]
    if shards is None or x.layout is not Layout.TILE:
        return
    if width not in (x.spec.shape[-1], shards.shape[1]):
        raise OperationRefused(
            "Changing the last dimension of a sharded tensor is not supported unless the shard "
            "width matches the padded width of the input tensor",
            "Use ttnn.to_memory_config, or shard whole rows.",
            shard_shape=shards.shape,
        )


def _check_moves(x: Tensor, sizes: tuple[int, ...]) -> None:
    """Refuse what TTNN's program for a reshape that moves elements does not take."""
    if x.layout is Layout.ROW_MAJOR:
        if sizes == x.spec.shape:
            return  # only the memory is another one
        if not (sizes and x.spec.shape):
            raise OperationRefused(
                "Can't do reshape to or from a rank 0 tensor in another memory",
                "Leave memory_config out.",
            )
    if x.logical_volume() and x.dtype not in _MOVABLE:
        raise OperationRefused(
            "Can only work with bfloat16/float32 or int32/uint32 tensors",
            "Convert it with ttnn.typecast.",
            dtype=x.dtype,
        )


@operation("ttnn.view")
def view(input_tensor: Tensor, shape: Shape | Sequence[int]) -> Tensor:
    """The same memory in another shape; the tensor itself if the shape is its own.

    Raises:
        OperationRefused: elements would have to move, the volume differs, or the tensor is on the
            host or deallocated.
    """
    sizes = resolve(input_tensor.spec.shape, shape)
    if sizes == input_tensor.spec.shape:  # TTNN returns the tensor before it looks at its memory
        return input_tensor
    if input_tensor.storage_type() is StorageType.HOST:
        raise OperationRefused(
            "View requires the tensor be stored on device, use reshape instead",
            "Use ttnn.reshape.",
        )
    require_device(input_tensor)
    if not _stays(input_tensor, sizes):
        raise OperationRefused(
            "The requested shape needs data to move, so it is no view.", "Use ttnn.reshape."
        )
    spec = input_tensor.spec.replace(shape=sizes)
    return input_tensor.view(input_tensor.value.reshape(sizes), spec)


@operation("ttnn.unsqueeze")
def unsqueeze(input_tensor: Tensor, dim: int) -> Tensor:
    """Insert a dimension of size 1 at ``dim``."""
    shape = list(input_tensor.spec.shape)
    rank = len(shape) + 1
    if not -rank <= dim < rank:
        raise OperationRefused(
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got "
            f"{dim})",
            "Pass a position of the new shape.",
        )
    shape.insert(dim % rank, 1)
    return reshape.__wrapped__(input_tensor, shape)  # type: ignore[attr-defined,no-any-return]


@operation("ttnn.squeeze")
def squeeze(input_tensor: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Take dimensions of size 1 out: all of them, or those of ``dim`` that are of size 1."""
    shape = input_tensor.spec.shape
    rank = len(shape)
    if dim is None:
        chosen = set(range(rank))
    else:
        chosen = _chosen([dim] if isinstance(dim, int) else dim, rank)
    kept = [size for i, size in enumerate(shape) if not (i in chosen and size == 1)]
    if len(kept) == rank:  # TTNN returns the tensor before it looks at anything else
        return input_tensor
    return reshape.__wrapped__(input_tensor, kept)  # type: ignore[attr-defined,no-any-return]


def _chosen(dims: Sequence[int], rank: int) -> set[int]:
    found: set[int] = set()
    for dim in dims:
        number = dim + max(rank, 1) if dim < 0 else dim  # a scalar has one, which stays
        if number in found:
            raise OperationRefused(
                f"dim {number} appears multiple times in the list of dims", "Name each one once."
            )
        if not 0 <= number < max(rank, 1):
            raise OperationRefused(
                f"Dimension out of range (expected to be in range of [{-rank},{rank - 1}], but got "
                f"{number})",
                "Pass dimensions of the tensor.",
            )
        found.add(number)
    return found


def resolve(old: Sequence[int], new: Shape | Sequence[int]) -> tuple[int, ...]:
    """``new`` with its -1 worked out.

    Raises:
        OperationRefused: the volume differs, or there is more than one -1.
    """
    sizes = tuple(int(n) for n in new)
    volume = math.prod(old)
    if sizes.count(-1) > 1:
        raise OperationRefused(
            "Shape cannot have more than 1 elements that is set to -1! Shape used: "
            f"({','.join(map(str, sizes))},)",
            "Give all sizes but one.",
        )
    if any(n < -1 for n in sizes):
        raise IncompatibleArguments
    if -1 in sizes:
        known = math.prod(n for n in sizes if n != -1)
        if known == 0 or volume % known:
            raise OperationRefused(
                "Invalid arguments to reshape",
                f"{volume} elements do not fit {list(sizes)}.",
                shape=sizes,
            )
        return tuple(volume // known if n == -1 else n for n in sizes)
    if math.prod(sizes) != volume:
        raise OperationRefused(
            "Invalid arguments to reshape",
            f"{list(old)} has {volume} elements, {list(sizes)} has {math.prod(sizes)}.",
            shape=sizes,
        )
    return sizes


def _is_view(x: Tensor, sizes: tuple[int, ...]) -> bool:
    """Whether every element stays where it is in memory."""
    return x.spec.shape == sizes or (not x.is_sharded() and _stays(x, sizes))


def _stays(x: Tensor, sizes: tuple[int, ...]) -> bool:
    """Whether every element stays where it is, sharded or not: what TTNN takes for a view."""
    old, new = ((1, *shape)[-2:] if shape else (1, 1) for shape in (x.spec.shape, sizes))
    if old[1] != new[1]:
        return False
    if x.layout is Layout.ROW_MAJOR:
        return True
    rows, new_rows = old[0], new[0]
    return rows == new_rows or (rows % TILE_SIZE == 0 and new_rows % TILE_SIZE == 0)


def _keeps_matrix(x: Tensor, sizes: tuple[int, ...]) -> bool:
    """Whether sharded tiles keep their last two dimensions, so that no shard changes."""
    old, new = ((1, 1, *shape)[-2:] for shape in (x.spec.shape, sizes))
    return x.is_sharded() and x.layout is Layout.TILE and old == new


def owned(value: torch.Tensor) -> torch.Tensor:
    """The values in memory of their own."""
    return value.clone(memory_format=torch.contiguous_format)
