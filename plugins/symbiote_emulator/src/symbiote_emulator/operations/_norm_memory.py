"""The L1 that a norm takes with row-major vectors, which TTNN keeps whole on each core."""

from __future__ import annotations

from symbiote_emulator.device import Device
from symbiote_emulator.errors import OutOfMemoryError
from symbiote_emulator.numerics import TILE_BYTES
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import TILE_SIZE, Arch, DataType

_L1_BYTES = {Arch.WORMHOLE_B0: 1_499_136, Arch.BLACKHOLE: 1_572_864}
_BF16_TILE = TILE_BYTES[DataType.BFLOAT16]


def check_l1(
    x: Tensor,
    vectors: list[Tensor],
    *,
    has_residual: bool,
    is_rms: bool,
    device: Device,
) -> None:
    """Refuse a width whose buffers don't fit beside row-major vectors.

    The formula was fitted to the sizes that TTNN 0.81.1 names in its refusals on a mock chip, and
    holds to the byte for widths of 8192 to 32768.

    Args:
        x: the input, in tiles.
        vectors: weight and bias, as far as given.
        has_residual: whether a residual is added.
        is_rms: whether the mean is left in.
        device: gives the limit.

    Raises:
        OutOfMemoryError: they don't fit.
    """
    tile = TILE_BYTES[x.dtype]
    base, per_tile = (167_264, 16 * tile) if is_rms else (195_936, 8 * tile)
    working = (1 if is_rms else 4) * _BF16_TILE + tile
    if has_residual:
        per_tile *= 3
        working = (2 if is_rms else 6) * _BF16_TILE
    across = x.spec.padded_shape[-1] // TILE_SIZE
    needed = base + per_tile + across * (working + sum(TILE_BYTES[v.dtype] for v in vectors))
    limit = _L1_BYTES[device.arch()]
    if needed > limit:
        raise OutOfMemoryError(
            f"Statically allocated dataflow buffers on core range [0-0 - 0-0] grow to {needed} B "
            f"which is beyond max L1 size of {limit} B",
            "Give weight and bias as [1, D] in ttnn.TILE_LAYOUT: TTNN streams those.",
            needed=needed,
            limit=limit,
        )
