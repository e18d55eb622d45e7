"""Cutting parts out of a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch

from symbiote_emulator.device import Device
from symbiote_emulator.errors import (
    ArgumentMismatch,
    IncompatibleArguments,
    NotImitated,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.numerics import BLOCK_FLOATS
from symbiote_emulator.operations._common import emit, fill_output, require_device, require_rows
from symbiote_emulator.operations._shards import (
    divides,
    evenly,
    output_memory,
    over_all_cores,
    resized,
)
from symbiote_emulator.operations.reshape import owned, reshape
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import padded_shape
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import TILE_SIZE, DataType, Layout, MemoryConfig, StorageType

_LARGEST: Final = 2**31
"""An end above this one was less than nothing, before TTNN took it for unsigned."""


@operation("ttnn.slice")
def slice_(
    input_tensor: Tensor,
    slice_start: Sequence[int] | Tensor,
    slice_end: Sequence[int] | Tensor,
    slice_step: Sequence[int] | None = None,
    *,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
    pad_value: float | None = None,
    slice_dim: int | None = None,
    num_devices: int | None = None,
    sub_core_grids: Any = None,
) -> Tensor:
    """The elements from ``slice_start`` up to ``slice_end``, every ``slice_step``-th.

    Args:
        input_tensor: any shape, on the device.
        slice_start: for each dimension; negative numbers count from the end.
        slice_end: for each dimension.
        slice_step: for each dimension; 1 if left out.
        memory_config: output memory; that of the input if left out.
        output_tensor: written and returned if given.
        pad_value: accepted; padding has no values here.
        slice_dim: accepted.
        num_devices: accepted.
        sub_core_grids: accepted.

    Raises:
        OperationRefused: host or freed tensors, another number of sizes, bounds out of range.
    """
    del pad_value, slice_dim, num_devices, sub_core_grids
    x = input_tensor
    starts, ends = _numbers(slice_start), _numbers(slice_end)
    shape = x.spec.shape
    if not shape:
        return x  # TTNN returns a scalar before it looks at anything else
    steps = [1] * len(shape) if slice_step is None else list(slice_step)
    for name, given in (("begins", starts), ("ends", ends), ("steps", steps)):
        if len(given) != len(shape):
            raise OperationRefused(
                f"Input rank {len(shape)} and {name} {len(given)} must have the same size",
                "Give one number for each dimension.",
            )
    if 0 in steps:
        raise WouldCrash("A step of 0.", "Use steps of 1 or more.")
    if any(s != 1 for s in steps) and x.dtype in BLOCK_FLOATS:
        raise OperationRefused(
            "Strided slice is not supported for BFLOAT8 tensors", "Convert it with ttnn.typecast."
        )
    bounds = _all_bounds(starts, ends, steps, x)
    whole = bounds == [(0, size) for size in shape] and all(s == 1 for s in steps)
    if whole and x.storage_type() is StorageType.HOST:
        return x
    device = require_device(x)
    if not whole:
        _check_shards(x, bounds, steps)
    elif memory_config not in (None, x.memory_config()):
        require_rows(x)
    bare = memory_config is not None and memory_config.is_sharded() and not memory_config.shard_spec
    if bare and x.layout is Layout.ROW_MAJOR:
        raise OperationRefused("bad optional access", "Give the memory config a shard_spec.")
    value = owned(cut(x.value, bounds, steps))
    if output_tensor is not None:
        return fill_output(output_tensor, value)
    if not x.is_sharded() or (whole and memory_config is None):
        memory = output_memory(memory_config, (x,), value.shape, x.layout, device)
    else:
        memory = _of_part(memory_config, x, value.shape, device)
    if bare and not x.is_sharded() and 0 in value.shape:
        raise WouldCrash("Shards of no elements.", "Leave the memory config out.")
    return emit(
        value,
        device,
        dtype=_dtype(x, (starts, bounds), value.shape, strided=any(s != 1 for s in steps)),
        layout=x.layout,
        memory_config=memory,
    )


def _check_shards(x: Tensor, bounds: Sequence[tuple[int, int]], steps: Sequence[int]) -> None:
    if not x.is_sharded():
        return
    strided = any(step != 1 for step in steps)
    for (first, last), size in zip(bounds[-2:], x.spec.shape[-2:], strict=True):
        if strided or first % TILE_SIZE or (last % TILE_SIZE and last != size):
            raise NotImitated(
                "The input is sharded, and the part is not made of whole tiles.",
                "Move it to interleaved memory with ttnn.to_memory_config.",
            )


def _of_part(
    asked: MemoryConfig | None, x: Tensor, shape: Sequence[int], device: Device
) -> MemoryConfig:
    """The memory of a part of a sharded tensor: shards of even size where none are given."""
    if asked is not None and (asked.shard_spec is not None or not asked.is_sharded()):
        return asked
    own, target = x.memory_config(), padded_shape(shape, x.layout)
    assert own.shard_spec is not None  # a sharded tensor has some
    if asked is None and 0 in shape:
        return own
    if asked is None:
        shards = evenly(own, target, x.layout)
        return MemoryConfig(own.memory_layout, own.buffer_type, shards)
    if asked.memory_layout is own.memory_layout and divides(x, shape):
        shards = resized(x, target, x.layout)
    else:
        order = own.shard_spec.orientation
        shards = over_all_cores(asked.memory_layout, target, x.layout, device, order)
    return MemoryConfig(asked.memory_layout, asked.buffer_type, shards)


def _dtype(
    x: Tensor,
    part: tuple[Sequence[int], Sequence[tuple[int, int]]],
    shape: Sequence[int],
    *,
    strided: bool,
) -> DataType:
    """Block floats are cut tile by tile; a start within a tile, or a vector, gives BFLOAT16.

    Raises:
        OperationRefused: BFLOAT4_B would have to be untilized.
    """
    starts, bounds = part
    # TTNN takes a start that counts from the end of a vector for one within it.
    is_vector = len(bounds) == 1 and (starts[0], bounds[0][1]) != (0, x.spec.shape[0])
    untilizes = is_vector or strided or any(first % TILE_SIZE for first, _ in bounds[-2:])
    if x.layout is not Layout.TILE or not untilizes:
        return x.dtype
    if 0 in shape and x.dtype is not DataType.BFLOAT4_B:
        return x.dtype
    if x.dtype is DataType.UINT8 and any(size % TILE_SIZE for size in (1, *shape)[-2:]):
        raise OperationRefused(
            "Can only tilize bfloat16/float32 or int32/uint32/uint16 or fp8_e4m3 tensors",
            "Start at a multiple of 32, or convert the tensor with ttnn.typecast.",
        )
    if x.dtype not in BLOCK_FLOATS:
        return x.dtype
    if x.dtype is DataType.BFLOAT4_B:
        raise OperationRefused(
            "Only TILE layout is supported for BFLOAT8_B dtype!",
            "TTNN untilizes BFLOAT4_B here. Start at a multiple of 32, or use ttnn.typecast.",
            dtype=x.dtype,
        )
    return DataType.BFLOAT16


def _numbers(given: Sequence[int] | Tensor) -> list[int]:
    if isinstance(given, Tensor):
        return [int(n) for n in given.value.reshape(-1).tolist()]
    if any(not isinstance(n, int) for n in given):
        raise IncompatibleArguments
    return list(given)


def _all_bounds(
    starts: Sequence[int], ends: Sequence[int], steps: Sequence[int], x: Tensor
) -> list[tuple[int, int]]:
    """First element and last, exclusive, of each dimension.

    Of a part without elements TTNN does not check whether the others are there.

    Raises:
        OperationRefused: an element is not there.
        WrongInTTNN: TTNN takes an end before the first element for a large one, or gives padding.
    """
    sizes = list(enumerate(x.spec.shape))
    bounds = [_ordered(i, starts[i], ends[i], size) for i, size in sizes]
    lengths = [_length(*b, step) for b, step in zip(bounds, steps, strict=True)]
    if all(lengths):
        _check_padding(x, bounds, steps)
        for i, size in sizes:
            _check_within(i, *bounds[i], size)
    elif any(length and last > _LARGEST for length, (_, last) in zip(lengths, bounds, strict=True)):
        raise WrongInTTNN(
            "An end before the first element.", "Count from the end no further than the first."
        )
    return bounds


def _check_padding(x: Tensor, bounds: Sequence[tuple[int, int]], steps: Sequence[int]) -> None:
    """Refuse whole tiles of which only the padding holds some elements."""
    if x.device() is None or x.layout is not Layout.TILE or x.is_sharded() or len(bounds) < 2:
        return
    if any(step != 1 for step in steps) or any(first % TILE_SIZE for first, _ in bounds[-2:]):
        return
    sizes = zip(bounds, x.spec.shape, x.spec.padded_shape, strict=True)
    within = all(first < size and last <= padded for (first, last), size, padded in sizes)
    if within and any(last > size for (_, last), size in zip(bounds, x.spec.shape, strict=True)):
        raise WrongInTTNN(
            "An end in the padding of tiles.", f"The tensor is of shape {list(x.spec.shape)}."
        )


def _ordered(index: int, start: int, end: int, size: int) -> tuple[int, int]:
    first = start + size if start < 0 else start
    last = end + size if end < 0 else end
    if first < 0:  # TTNN's start is unsigned, so that this one is large
        raise OperationRefused(
            f"End {last} must be greater than or equal to start {first + 2**32}",
            f"Dimension {index} has {size} elements.",
        )
    if last < 0:  # so is TTNN's end
        last += 2**32
    if last < first:
        raise OperationRefused(
            f"End {last} must be greater than or equal to start {first}", "Exchange them."
        )
    return first, last


def _check_within(index: int, first: int, last: int, size: int) -> None:
    if last > size:
        raise OperationRefused(
            f"Ends {last} must be less than or equal to the shape of the tensor {size}",
            f"Dimension {index} has {size} elements.",
        )
    if first >= size and last > first:
        raise OperationRefused(
            f"Slice start[{index}] ({first}) must be less than input tensor shape[{index}] "
            f"({size})",
            f"Dimension {index} has {size} elements.",
        )


def _length(first: int, last: int, step: int) -> int:
    """How many elements TTNN takes, counted in 32 bits.

    With a negative step it is none of more elements than the step is long, else one.
    """
    return (last - first + step - 1) % 2**32 // step if step > 0 else int(0 < last - first <= -step)


def cut(
    value: torch.Tensor, bounds: Sequence[tuple[int, int]], steps: Sequence[int]
) -> torch.Tensor:
    """The slice of torch values; one without elements may be of elements that are not there."""
    lengths = [_length(*b, step) for b, step in zip(bounds, steps, strict=True)]
    if 0 in lengths:
        return value.new_empty(lengths)
    for dim, ((first, last), step) in enumerate(zip(bounds, steps, strict=True)):
        size = value.shape[dim]
        if (first, last, step) == (0, size, 1):
            continue
        if step < 0:
            value = value.narrow(dim, first, 1)
            continue
        indices: list[Any] = [slice(None)] * value.ndim
        indices[dim] = slice(first, last, step)
        value = value[tuple(indices)]
    return value


@operation("ttnn.Tensor.__getitem__", is_python=True)
def getitem(input_tensor: Tensor, index: Any) -> Tensor:
    """``tensor[index]`` with integers, slices and one Ellipsis.

    Raises:
        OperationRefused: an index out of range, or too many indices.
        ArgumentMismatch: another kind of index.
    """
    x = input_tensor
    shape = x.spec.shape
    items = list(index) if isinstance(index, (tuple, list)) else [index]
    items = _without_ellipsis(items, len(shape))
    starts, ends, steps, dropped = [], [], [], []
    for dim, size in enumerate(shape):
        item = items[dim] if dim < len(items) else slice(None)
        if not isinstance(item, (int, slice)):
            raise ArgumentMismatch(
                f"Invalid slice type: {item}", "Index with integers, slices and one Ellipsis."
            )
        if isinstance(item, int):
            first = item + size if item < 0 else item
            if not 0 <= first < size:
                raise OperationRefused(
                    f"Index {item} (converted to {first}) is out of bounds for dimension {dim} of "
                    f"size {size}",
                    "Use an index of the tensor.",
                )
            starts.append(first)
            ends.append(first + 1)
            steps.append(1)
            dropped.append(dim)
            continue
        step = 1 if item.step is None else item.step
        starts.append(0 if item.start is None else item.start)
        ends.append(size if item.stop is None else item.stop)
        steps.append(step)
    raw_slice: Any = slice_.__wrapped__  # type: ignore[attr-defined]
    raw_reshape: Any = reshape.__wrapped__  # type: ignore[attr-defined]
    if x.storage_type() is StorageType.HOST:
        return _on_host(x, (starts, ends, steps), dropped)
    found: Tensor = raw_slice(x, starts, ends, steps)
    if not dropped:
        return found
    kept = [size for dim, size in enumerate(found.spec.shape) if dim not in dropped]
    squeezed: Tensor = raw_reshape(found, kept)
    return squeezed


def _on_host(x: Tensor, slices: tuple[list[int], ...], dropped: Sequence[int]) -> Tensor:
    """A part of a host tensor, which `slice_` refuses and indexing does not."""
    starts, ends, steps = slices
    if any(step != 1 for step in steps):
        raise OperationRefused(
            "Host tensors cannot be accessed with non-unit stride",
            "Move the tensor with ttnn.to_device(tensor, device).",
        )
    if any(n < 0 for n in (*starts, *ends)):
        raise IncompatibleArguments
    if x.dtype in BLOCK_FLOATS:
        raise OperationRefused(
            "Tensor layout must be ROW_MAJOR for unpadding",
            "Move the tensor with ttnn.to_device, or convert it with ttnn.typecast.",
        )
    value = cut(x.value, _all_bounds(starts, ends, steps, x), steps)
    kept = [size for dim, size in enumerate(value.shape) if dim not in dropped]
    return Tensor.on_host(owned(value.reshape(kept)), x.spec.replace(shape=kept))


def _without_ellipsis(items: list[Any], rank: int) -> list[Any]:
    positions = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(positions) > 1:
        raise OperationRefused("Only one ellipsis is allowed", "Use one `...` at most.")
    if positions:
        gap = rank - (len(items) - 1)
        items = [*items[: positions[0]], *[slice(None)] * gap, *items[positions[0] + 1 :]]
    if len(items) > rank:
        raise OperationRefused(
            f"Too many indices for tensor of dimension {rank}", "Give one for each dimension."
        )
    return items
