"""Rotary embeddings in the form of Hugging Face: the values, and where the result lies."""

from __future__ import annotations

import functools
import math

import torch

from symbiote_emulator.device import Device
from symbiote_emulator.errors import OperationRefused, WrongInTTNN
from symbiote_emulator.numerics import FLOATS
from symbiote_emulator.operations._users import cores_of, first_cores
from symbiote_emulator.spec import padded_shape
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    TILE_SIZE,
    BufferType,
    CoreRangeSet,
    Layout,
    MemoryConfig,
    ShardOrientation,
    ShardSpec,
    TensorMemoryLayout,
)


def rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """``x * cos + rotate_half(x) * sin`` in float32.

    ``rotate_half`` puts the negated second half of the last dimension before the first half, as
    the models of Hugging Face's transformers do.

    Args:
        x: [..., size] of an even size.
        cos: broadcastable to ``x``.
        sin: likewise.
    """
    x, cos, sin = (t.to(torch.float32) for t in (x, cos, sin))
    half = x.shape[-1] // 2
    result = x * cos
    result[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-1)
    result[..., half:].addcmul_(x[..., :half], sin[..., half:])
    return result


def check_values(x: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Refuse what TTNN turns into nonsense: integers, and halves that are not where it thinks.

    Args:
        x: [..., size].
        cos: tables [..., size] of the padded size of ``x``.
        sin: of the dtype of ``cos``.

    Raises:
        WrongInTTNN: see above.
    """
    if x.dtype not in FLOATS or cos.dtype not in FLOATS:
        raise WrongInTTNN(
            "A rotation of integers or by integers.", "Convert them with ttnn.typecast."
        )
    padded = x.spec.padded_shape[-1:]
    if any(tensor.spec.shape[-1:] != padded for tensor in (x, cos, sin)):
        raise WrongInTTNN(
            "A head that does not end with a tile.",
            "TTNN takes the halves of the padded head. Pad the halves of the head, not its end.",
            padded=padded,
        )


def result_memory(x: Tensor, asked: MemoryConfig | None, device: Device) -> MemoryConfig:
    """The memory of a rotated tensor: the shards are the input's, or even ones on the most cores.

    Args:
        x: the input [..., size].
        asked: the caller's memory config, whose own shards TTNN does not look at.
        device: whose cores hold the shards of interleaved inputs.

    Raises:
        OperationRefused: shards of columns, or outside of L1.
    """
    of_input = x.memory_config()
    memory = asked or of_input
    if not memory.is_sharded():
        return memory
    if memory.memory_layout is TensorMemoryLayout.WIDTH_SHARDED:
        raise OperationRefused(
            "Output cannot be WIDTH_SHARDED", "Use height shards, or interleaved memory."
        )
    require_l1(memory)
    shards = of_input.shard_spec
    if shards is None:
        padded = padded_shape(x.spec.shape, Layout.TILE)
        shards = _even(math.prod(padded[:-1]) // TILE_SIZE, padded[-1], cores_of(None, device))
    return MemoryConfig(memory.memory_layout, memory.buffer_type, shards)


def require_l1(memory: MemoryConfig) -> None:
    """Refuse shards in DRAM.

    Raises:
        OperationRefused: they are.
    """
    if memory.buffer_type is not BufferType.L1:
        raise OperationRefused(
            "Only L1 buffers can have an associated circular buffer!", "Use shards in L1."
        )


def check_buffers(x: Tensor) -> None:
    """Refuse shards of no elements.

    Raises:
        OperationRefused: there are none.
    """
    if not x.logical_volume():
        raise OperationRefused(
            "Cannot set circular buffer size. This is larger than the associated dynamically "
            "allocated L1 buffer bank size of 0 B",
            "Don't call it on empty tensors.",
        )


@functools.lru_cache(maxsize=1024)
def _even(tiles: int, width: int, grid: CoreRangeSet) -> ShardSpec:
    """Shards of as many rows of tiles on each core, on the most cores that allow it."""
    if not tiles:
        raise OperationRefused(
            f"Shard shape must be greater than 0 in each sharded dim, got [0, {width}]",
            "Don't call it on empty tensors.",
        )
    cores = next(n for n in range(grid.num_cores(), 0, -1) if tiles % n == 0)
    shape = (tiles // cores * TILE_SIZE, width)
    return ShardSpec(first_cores(grid, cores), shape, ShardOrientation.ROW_MAJOR)
