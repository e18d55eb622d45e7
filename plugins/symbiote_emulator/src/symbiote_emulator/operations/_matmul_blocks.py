"""The blocks in which TTNN computes a batched product of shards, and which it can't form."""

from __future__ import annotations

import math
from typing import Final

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import TILE_SIZE, ShardOrientation, ShardSpec, TensorMemoryLayout

_MOST: Final = 8  # tiles of a subblock
_MOST_WIDE: Final = 4  # of sums in float32
_CONFIG: Final = "MatmulMultiCoreReuseProgramConfig"
_CONFIG_1D: Final = "MatmulMultiCoreReuseMultiCast1DProgramConfig"
_DO: Final = "Shard the operand so that a shard is a matrix of the batch, or a part of its rows."


def _subblocks() -> tuple[tuple[int, int], ...]:
    """Height and width in tiles, the most tiles first, then the squarest, then the higher."""
    sizes = [(h, w) for h in range(1, _MOST + 1) for w in range(1, _MOST // h + 1)]
    return tuple(sorted(sizes, key=lambda s: (-s[0] * s[1], max(s), -s[0])))


_SUBBLOCKS: Final = _subblocks()


def check_blocks(
    a: Tensor, b: Tensor, *, transpose_a: bool, transpose_b: bool, wide_sums: bool
) -> None:
    """Refuse shards of ``a`` that are no blocks of a product whose ``b`` has a batch.

    Args:
        a: first operand, sharded over rows.
        b: second operand, of more than one matrix.
        transpose_a: whether ``a`` is transposed.
        transpose_b: whether ``b`` is transposed.
        wide_sums: whether the sums are kept in float32.

    Raises:
        OperationRefused: a shard does not hold whole rows, matrices do not divide into shards nor
            shards into matrices, or the subblocks of a shard do not divide a matrix.
    """
    shards = a.memory_config().shard_spec
    if shards is None:
        return
    height, width = a.spec.padded_shape[-2:]
    if transpose_a:
        height, width = width, height
    rows, per_core = height // TILE_SIZE, shards.shape[0] // TILE_SIZE
    batch = math.prod(a.spec.padded_shape[:-2])
    _check_height(rows, rows * batch, per_core)
    if width != shards.shape[1]:
        raise OperationRefused(
            f"{_CONFIG}: K ({width}) must equal in0 shard_shape[1] ({shards.shape[1]})", _DO
        )
    columns = b.spec.padded_shape[-2 if transpose_b else -1] // TILE_SIZE
    most = _MOST_WIDE if wide_sums else _MOST
    fitting = (s for s in _SUBBLOCKS if s[0] * s[1] <= most)
    high = next(h for h, w in fitting if per_core % h == 0 and columns % w == 0)
    if batch > 1 and rows % high:
        raise OperationRefused(
            f"{_CONFIG}: out_subblock_h ({high}) needs to divide M ({rows}) evenly and does not. "
            "Please update your program config.",
            _DO,
        )
    _check_cores(rows * batch // per_core, shards)


def check_second_blocks(a: Tensor, b: Tensor, *, transpose_b: bool) -> None:
    """Refuse shards of ``b`` that do not go with an interleaved ``a`` on a caller's core grid.

    Args:
        a: first operand.
        b: second operand, sharded, of more than one matrix.
        transpose_b: whether ``b`` is transposed.

    Raises:
        OperationRefused: a shard does not hold whole rows, or the matrices can't be dealt to its
            cores.
    """
    shards = b.memory_config().shard_spec
    assert shards is not None  # it is sharded
    columns = b.spec.padded_shape[-2 if transpose_b else -1] // TILE_SIZE
    per_core = shards.shape[1] // TILE_SIZE
    if columns != per_core:
        raise OperationRefused(f"{_CONFIG}: N ({columns}) must equal per_core_N ({per_core})", _DO)
    _check_cores(math.prod(a.spec.padded_shape[:-2]), shards)


def check_parts(a: Tensor, *, transpose_a: bool) -> None:
    """Refuse shards of ``a`` that are no parts of it, of a product whose ``b`` is one matrix.

    Args:
        a: first operand.
        transpose_a: whether it is transposed.

    Raises:
        OperationRefused: transposed, it does not have the rows of its shards; or there are more
            cores than blocks.
    """
    memory = a.memory_config()
    shards = memory.shard_spec
    if shards is None:
        return
    height, width = (size // TILE_SIZE for size in a.spec.padded_shape[-2:])
    if transpose_a:
        height, width = width, height
    rows = math.prod(a.spec.padded_shape[:-2]) * height
    high, wide = (size // TILE_SIZE for size in shards.shape)
    if memory.memory_layout is TensorMemoryLayout.HEIGHT_SHARDED:
        if width != wide:
            raise OperationRefused(
                f"{_CONFIG_1D}: K ({width}) must equal shard_shape[1] ({wide * TILE_SIZE}) / "
                f"in0_tile width ({TILE_SIZE})",
                _DO,
            )
        if high > rows:
            raise OperationRefused(
                f"{_CONFIG_1D}: per_core_M ({high}) exceeds Mt ({rows}). Each core would compute "
                "more output row tiles than the tensor has.",
                _DO,
            )
    if memory.memory_layout is TensorMemoryLayout.BLOCK_SHARDED:
        grid = shards.grid.bounding_box().grid_size()
        across, down = grid.x, grid.y
        if shards.orientation is not ShardOrientation.ROW_MAJOR:
            across, down = down, across
        for axis, cores, needed in (
            ("y", down, -(-rows // high)),
            ("x", across, -(-width // wide)),
        ):
            if cores != needed:
                raise OperationRefused(
                    f"Num cores along {axis} ({cores}) must match provided grid size or divided up "
                    f"size ({needed})",
                    "Shard the operand over as many cores as it has blocks.",
                )


def _check_cores(blocks: int, shards: ShardSpec) -> None:
    cores = shards.grid.num_cores()
    if blocks % cores:
        raise OperationRefused(
            f"{_CONFIG}: num_output_blocks ({blocks}) must be evenly divisible by the number of "
            f"cores in the input shard grid ({cores})",
            "Shard the operand over as many cores as it has shards.",
        )


def _check_height(rows: int, total: int, per_core: int) -> None:
    if per_core > rows and per_core % rows:
        raise OperationRefused(
            f"{_CONFIG}: per_core_M, {per_core}, must be a multiple of M, {rows} if per_core_M > "
            "M!",
            _DO,
        )
    if per_core > rows and total % per_core:
        raise OperationRefused(
            f"{_CONFIG}: input a total height, {total}, must be divisible by per_core_M, "
            f"{per_core}!",
            _DO,
        )
    if per_core <= rows and rows % per_core:
        raise OperationRefused(
            f"{_CONFIG}: per_core_M, {per_core}, must divide M, {rows}, if per_core_M < M!", _DO
        )
