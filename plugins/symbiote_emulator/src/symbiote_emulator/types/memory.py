"""Memory configurations and shard specifications."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from symbiote_emulator.types.cores import CoreRangeSet
from symbiote_emulator.types.enums import BufferType, ShardOrientation, TensorMemoryLayout


class ShardSpec:
    """Cores that hold a sharded tensor, and the shape of the shard on each.

    Args:
        grid: the cores.
        shard_shape: ``[height, width]`` of a shard, in elements.
        shard_orientation: the order in which shards are dealt to cores.
    """

    __slots__ = ("grid", "orientation", "shape")

    def __init__(
        self,
        grid: CoreRangeSet,
        shard_shape: Sequence[int],
        shard_orientation: ShardOrientation,
    ) -> None:
        self.grid = grid
        self.shape = [int(d) for d in shard_shape]
        self.orientation = shard_orientation

    def num_cores(self) -> int:
        """The number of cores in the grid."""
        return self.grid.num_cores()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ShardSpec):
            return NotImplemented
        return (
            self.grid == other.grid
            and self.shape == other.shape
            and self.orientation is other.orientation
        )

    def __hash__(self) -> int:
        return hash((self.grid, tuple(self.shape), self.orientation))

    def __repr__(self) -> str:
        grid = ", ".join(
            f'{{"start":{{"x":{r.start.x},"y":{r.start.y}}},"end":{{"x":{r.end.x},"y":{r.end.y}}}}}'
            for r in self.grid.ranges()
        )
        return (
            f"ShardSpec{{grid=[{grid}], shape={self.shape}, "
            f"orientation=ShardOrientation::{self.orientation.name}}}"
        )


class MemoryConfig:
    """Where and how a tensor is kept on the device.

    Args:
        memory_layout: interleaved over banks, or one of the sharded layouts.
        buffer_type: DRAM or L1.
        shard_spec: the shards; ``None`` for interleaved tensors, and for sharded ones whose
            shards an operation may choose.
    """

    __slots__ = ("_hash", "buffer_type", "memory_layout", "shard_spec")

    def __init__(
        self,
        memory_layout: TensorMemoryLayout = TensorMemoryLayout.INTERLEAVED,
        buffer_type: BufferType = BufferType.DRAM,
        shard_spec: ShardSpec | None = None,
    ) -> None:
        self.memory_layout = memory_layout
        self.buffer_type = buffer_type
        self.shard_spec = shard_spec
        self._hash = hash((memory_layout, buffer_type, shard_spec))

    @property
    def interleaved(self) -> bool:
        """Whether the tensor is spread over all banks."""
        return self.memory_layout is TensorMemoryLayout.INTERLEAVED

    def is_sharded(self) -> bool:
        """Whether the tensor is split into shards, one for each core."""
        return self.memory_layout is not TensorMemoryLayout.INTERLEAVED

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, MemoryConfig):
            return NotImplemented
        return (
            self.memory_layout is other.memory_layout
            and self.buffer_type is other.buffer_type
            and self.shard_spec == other.shard_spec
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        shard = "std::nullopt" if self.shard_spec is None else repr(self.shard_spec)
        return (
            f"MemoryConfig(memory_layout=TensorMemoryLayout::{self.memory_layout.name},"
            f"buffer_type=BufferType::{self.buffer_type.name},shard_spec={shard})"
        )


DRAM_MEMORY_CONFIG: Final = MemoryConfig()
L1_MEMORY_CONFIG: Final = MemoryConfig(TensorMemoryLayout.INTERLEAVED, BufferType.L1)
L1_HEIGHT_SHARDED_MEMORY_CONFIG: Final = MemoryConfig(
    TensorMemoryLayout.HEIGHT_SHARDED, BufferType.L1
)
L1_WIDTH_SHARDED_MEMORY_CONFIG: Final = MemoryConfig(
    TensorMemoryLayout.WIDTH_SHARDED, BufferType.L1
)
L1_BLOCK_SHARDED_MEMORY_CONFIG: Final = MemoryConfig(
    TensorMemoryLayout.BLOCK_SHARDED, BufferType.L1
)
