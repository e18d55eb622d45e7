"""What each data type is: bytes, storage, class.

Values live in ONE torch tensor per emulated tensor, in the storage type given here. Every block
float is exact in bfloat16, so block floats are stored as bfloat16. torch has few kernels for
uint16 and uint32, so these are stored in the next wider signed type (int32, int64).
"""

from __future__ import annotations

from typing import Final

import torch

from symbiote_emulator.types import DataType

STORAGE: Final[dict[DataType, torch.dtype]] = {
    DataType.BFLOAT16: torch.bfloat16,
    DataType.FLOAT32: torch.float32,
    DataType.UINT32: torch.int64,
    DataType.BFLOAT8_B: torch.bfloat16,
    DataType.BFLOAT4_B: torch.bfloat16,
    DataType.UINT8: torch.uint8,
    DataType.UINT16: torch.int32,
    DataType.INT32: torch.int32,
    DataType.FP8_E4M3: torch.bfloat16,
    DataType.INT8: torch.int8,
}
"""Torch dtype that holds the values of a data type."""

TORCH: Final[dict[DataType, torch.dtype]] = {
    DataType.BFLOAT16: torch.bfloat16,
    DataType.FLOAT32: torch.float32,
    DataType.UINT32: torch.uint32,
    DataType.BFLOAT8_B: torch.float32,
    DataType.BFLOAT4_B: torch.float32,
    DataType.UINT8: torch.uint8,
    DataType.UINT16: torch.uint16,
    DataType.INT32: torch.int32,
    DataType.FP8_E4M3: torch.float8_e4m3fn,
    DataType.INT8: torch.int8,
}
"""Torch dtype that ``to_torch`` returns (float32 for block floats)."""

ELEMENT_SIZE: Final[dict[DataType, int]] = {
    DataType.BFLOAT16: 2,
    DataType.FLOAT32: 4,
    DataType.UINT32: 4,
    DataType.UINT8: 1,
    DataType.UINT16: 2,
    DataType.INT32: 4,
    DataType.FP8_E4M3: 1,
    DataType.INT8: 1,
}
"""Bytes of one element; block floats have bytes per tile only."""

TILE_BYTES: Final[dict[DataType, int]] = {
    **{dtype: 1024 * size for dtype, size in ELEMENT_SIZE.items()},
    DataType.BFLOAT8_B: 1088,
    DataType.BFLOAT4_B: 576,
}
"""Bytes of a 32 x 32 tile: 64 exponents and 1024 codes for block floats."""

MAGNITUDE_BITS: Final[dict[DataType, int]] = {DataType.BFLOAT8_B: 7, DataType.BFLOAT4_B: 3}
"""Magnitude bits of a block float code."""

FLOATS: Final = frozenset(
    {DataType.BFLOAT16, DataType.FLOAT32, DataType.BFLOAT8_B, DataType.BFLOAT4_B}
)
"""Data types that TTNN calls floating point."""

BLOCK_FLOATS: Final = frozenset({DataType.BFLOAT8_B, DataType.BFLOAT4_B})
"""Data types that share an exponent among 16 elements."""

INTEGER_BITS: Final[dict[DataType, tuple[int, bool]]] = {
    DataType.UINT32: (32, False),
    DataType.UINT16: (16, False),
    DataType.UINT8: (8, False),
    DataType.INT32: (32, True),
    DataType.INT8: (8, True),
}
"""Width and signedness of the integer types."""
