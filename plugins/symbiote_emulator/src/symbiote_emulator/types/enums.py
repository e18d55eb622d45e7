"""The enumerations of TTNN 0.81.1, with its names, values and text forms.

TTNN converts plain integers to an enumeration wherever one is expected (``dtype=3`` means
BFLOAT8_B); the argument check of :mod:`symbiote_emulator.signature` does the same.
"""

from __future__ import annotations

from enum import Enum


class TTNNEnum(Enum):
    """Base of the enumerations: TTNN prints ``Class.MEMBER`` for ``str`` and ``repr`` alike."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    # Members are singletons, so identity is a valid hash, and it is several times cheaper than
    # the Python-level hash of ``Enum``: dtypes are dictionary keys in every operation.
    __hash__ = object.__hash__


class DataType(TTNNEnum):
    """Element types. Block floats (``*_B``) exist in tile layout only."""

    BFLOAT16 = 0
    FLOAT32 = 1
    UINT32 = 2
    BFLOAT8_B = 3
    BFLOAT4_B = 4
    UINT8 = 5
    UINT16 = 6
    INT32 = 7
    FP8_E4M3 = 8
    INT8 = 9
    INVALID = 10


class Layout(TTNNEnum):
    """Order of the elements in memory: rows, or tiles of 32 x 32."""

    ROW_MAJOR = 0
    TILE = 1
    INVALID = 2


class BufferType(TTNNEnum):
    """The memory that a device buffer lives in."""

    DRAM = 0
    L1 = 1
    L1_SMALL = 3
    TRACE = 4


class TensorMemoryLayout(TTNNEnum):
    """How the pages of a tensor are spread over banks or cores."""

    INTERLEAVED = 0
    HEIGHT_SHARDED = 2
    WIDTH_SHARDED = 3
    BLOCK_SHARDED = 4
    ND_SHARDED = 5


class StorageType(TTNNEnum):
    """Where the data of a tensor is."""

    HOST = 0
    DEVICE = 1


class ShardOrientation(TTNNEnum):
    """The order in which shards are dealt to the cores of a grid."""

    ROW_MAJOR = 0
    COL_MAJOR = 1


class MathFidelity(TTNNEnum):
    """Number of passes of the 5 x 7 bit multipliers (see :mod:`..numerics.fidelity`)."""

    LoFi = 0
    HiFi2 = 2
    HiFi3 = 3
    HiFi4 = 4
    Invalid = 255


class GeluVariant(TTNNEnum):
    """Which approximation of GELU the device evaluates."""

    Accurate = 0
    FastLut = 1
    Tanh = 2


class Arch(TTNNEnum):
    """Chip generations."""

    WORMHOLE_B0 = 2
    BLACKHOLE = 3
    QUASAR = 4


class ThrottleLevel(TTNNEnum):
    """Compute throttling of a kernel; it has no influence on values."""

    NO_THROTTLE = 0
    LEVEL_1 = 1
    LEVEL_2 = 2
    LEVEL_3 = 3
    LEVEL_4 = 4
    LEVEL_5 = 5


class EmbeddingsType(TTNNEnum):
    """What an embedding's table is."""

    GENERIC = 0
    PADDED = 1
    BINARY = 2
