"""The shards of a decode step: one user of the batch on each core."""

from __future__ import annotations

import functools

from symbiote_emulator.device import Device
from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.types import (
    CoreCoord,
    CoreRange,
    CoreRangeSet,
    MemoryConfig,
)


def cores_of(memory_config: MemoryConfig | None, device: Device) -> CoreRangeSet:
    """The cores that an operation may deal users to: those of the shards, or all of the device."""
    if memory_config is not None and memory_config.shard_spec is not None:
        return memory_config.shard_spec.grid
    grid = device.compute_with_storage_grid_size()
    return _whole(grid.x, grid.y)


@functools.lru_cache(maxsize=1024)
def first_cores(grid: CoreRangeSet, count: int) -> CoreRangeSet:
    """The first cores of a grid, row after row of each of its rectangles.

    Args:
        grid: the cores to choose from.
        count: how many.

    Raises:
        OperationRefused: there are fewer, or none is asked for.
    """
    if count < 1:
        raise OperationRefused(
            "Target number of cores must be greater than 0", "Give at least one user."
        )
    if count > grid.num_cores():
        raise OperationRefused(
            f"Target number of cores {count} is greater than total available cores "
            f"{grid.num_cores()}",
            "Give a memory_config with a core for each user.",
            users=count,
        )
    chosen: list[CoreRange] = []
    for rectangle in grid.ranges():
        columns, rows = rectangle.grid_size().x, rectangle.grid_size().y
        whole, rest = divmod(min(count, columns * rows), columns)
        count -= whole * columns + rest
        x, y = rectangle.start.x, rectangle.start.y
        if whole:
            chosen.append(_rectangle(x, y, columns, whole))
        if rest:
            chosen.append(_rectangle(x, y + whole, rest, 1))
        if not count:
            break
    return CoreRangeSet(chosen)


@functools.lru_cache(maxsize=8)
def _whole(columns: int, rows: int) -> CoreRangeSet:
    return CoreRangeSet([_rectangle(0, 0, columns, rows)])


def _rectangle(x: int, y: int, columns: int, rows: int) -> CoreRange:
    return CoreRange(CoreCoord(x, y), CoreCoord(x + columns - 1, y + rows - 1))
