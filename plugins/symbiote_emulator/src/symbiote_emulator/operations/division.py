"""Taking a tensor apart along a dimension."""

from __future__ import annotations

from collections.abc import Sequence

from symbiote_emulator.errors import (
    IncompatibleArguments,
    NotImitated,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.operations.permute import normalised
from symbiote_emulator.operations.slicing import slice_
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import MemoryConfig, StorageType


@operation("ttnn.split")
def split(
    input_tensor: Tensor,
    split_size: int | Sequence[int],
    dim: int = 0,
    *,
    memory_config: MemoryConfig | None = None,
) -> list[Tensor]:
    """Parts of ``split_size`` (or of these sizes) along ``dim``, as `ttnn.slice` cuts them.

    Raises:
        OperationRefused: sizes that are not positive, don't add up, or are none.
        NotImitated: a sharded tensor in several parts, without a memory config.
        WouldCrash: a host tensor.
    """
    axis = normalised(dim, len(input_tensor.spec.shape))
    total = input_tensor.spec.shape[axis]
    if isinstance(split_size, int):
        if split_size <= 0:
            raise OperationRefused(
                f"split_size must be greater than 0, but got: {split_size}", "Pass 1 or more."
            )
        sizes = _even(total, split_size)
    else:
        sizes = [int(n) for n in split_size]
    _check_sizes(sizes, axis, total)
    if memory_config is not None and memory_config.is_sharded() and not memory_config.shard_spec:
        raise OperationRefused("bad optional access", "Give the memory config a shard_spec.")
    if input_tensor.storage_type() is StorageType.HOST:
        raise WouldCrash("A host tensor.", "Move it with ttnn.to_device(tensor, device).")
    if len(sizes) > 1 and input_tensor.is_sharded() and memory_config is None:
        raise NotImitated(
            "The input is sharded, and TTNN chooses the memory of the parts.",
            "Pass a memory_config, or move it to interleaved memory.",
        )
    return _cut(input_tensor, sizes, axis, memory_config)


@operation("ttnn.chunk")
def chunk(input_tensor: Tensor, chunks: int, dim: int) -> list[Tensor]:
    """``chunks`` parts along ``dim``, as `ttnn.slice` cuts them, the last one possibly smaller.

    There are fewer where the dimension runs out, and none of an empty one.

    Raises:
        OperationRefused: no chunks, or a dimension out of range.
    """
    if chunks < 0:
        raise IncompatibleArguments
    if chunks == 0:
        raise OperationRefused("Number of chunks must be greater than zero", "Pass 1 or more.")
    rank = len(input_tensor.spec.shape)
    if dim < -rank:
        raise WrongInTTNN("A dimension before the first.", "Pass a dimension of the tensor.")
    axis = normalised(dim, rank)
    total = input_tensor.spec.shape[axis]
    return _cut(input_tensor, _even(total, -(-total // chunks)), axis, None)


def _even(total: int, size: int) -> list[int]:
    """Sizes of parts of ``size``, the last one possibly smaller."""
    return [min(size, total - start) for start in range(0, total, size)] if total else []


def _check_sizes(sizes: Sequence[int], axis: int, total: int) -> None:
    if not sizes:
        raise OperationRefused(
            "split_sizes must not be empty", "Split a dimension that has elements."
        )
    shown = "{" + ", ".join(map(str, sizes)) + "}"
    if any(n <= 0 for n in sizes):
        raise OperationRefused(
            f"split_size should be greater than 0, instead got: {shown}", "Pass 1 or more."
        )
    if sum(sizes) != total:
        raise OperationRefused(
            f"split_sizes must sum exactly to the size of dimension {axis} ({total}), but sizes "
            f"{shown} sum to {sum(sizes)}",
            "Give sizes that add up.",
        )


def _cut(
    x: Tensor, sizes: Sequence[int], axis: int, memory_config: MemoryConfig | None
) -> list[Tensor]:
    shape = x.spec.shape
    parts, start = [], 0
    for size in sizes:
        begins, ends = [0] * len(shape), list(shape)
        begins[axis], ends[axis] = start, start + size
        parts.append(
            slice_.__wrapped__(  # type: ignore[attr-defined]
                x, begins, ends, memory_config=memory_config
            )
        )
        start += size
    return parts
