"""The emulated ``ttnn`` module: the names that kernels use, with TTNN 0.81.1's signatures.

Operations are added from the registry; a name that is missing raises
:class:`~symbiote_emulator.errors.NotEmulatedError`, an ``AttributeError``.
"""

from __future__ import annotations

from typing import Any, Final

from symbiote_emulator.device import Device, close_device, open_device, synchronize_device
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.ttnn import device, experimental, kv_cache, transformer
from symbiote_emulator.ttnn._lookup import missing, operations_under
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    L1_BLOCK_SHARDED_MEMORY_CONFIG,
    L1_HEIGHT_SHARDED_MEMORY_CONFIG,
    L1_MEMORY_CONFIG,
    L1_WIDTH_SHARDED_MEMORY_CONFIG,
    TILE_SIZE,
    Arch,
    BufferType,
    Conv1dConfig,
    Conv2dConfig,
    CoreCoord,
    CoreGrid,
    CoreRange,
    CoreRangeSet,
    DataType,
    EmbeddingsType,
    GeluVariant,
    LayerNormDefaultProgramConfig,
    LayerNormShardedMultiCoreProgramConfig,
    Layout,
    MathFidelity,
    MatmulMultiCoreReuseMultiCast1DProgramConfig,
    MatmulMultiCoreReuseMultiCastDRAMShardedProgramConfig,
    MatmulMultiCoreReuseMultiCastProgramConfig,
    MatmulMultiCoreReuseProgramConfig,
    MemoryConfig,
    SDPAProgramConfig,
    Shape,
    ShardOrientation,
    ShardSpec,
    SoftmaxDefaultProgramConfig,
    SoftmaxShardedMultiCoreProgramConfig,
    StorageType,
    TensorMemoryLayout,
    Tile,
    UnaryOpType,
    UnaryWithParam,
    WormholeComputeKernelConfig,
    init_device_compute_kernel_config,
)

MeshDevice = Device

bfloat16: Final = DataType.BFLOAT16
bfloat8_b: Final = DataType.BFLOAT8_B
bfloat4_b: Final = DataType.BFLOAT4_B
float32: Final = DataType.FLOAT32
fp8_e4m3: Final = DataType.FP8_E4M3
int8: Final = DataType.INT8
int32: Final = DataType.INT32
uint8: Final = DataType.UINT8
uint16: Final = DataType.UINT16
uint32: Final = DataType.UINT32

ROW_MAJOR_LAYOUT: Final = Layout.ROW_MAJOR
TILE_LAYOUT: Final = Layout.TILE
DEVICE_STORAGE_TYPE: Final = StorageType.DEVICE

globals().update(operations_under("ttnn"))

# Operations are attributes, too, but known at import only; a type checker takes them from
# the module `__getattr__` below.
__all__ = [
    "DEVICE_STORAGE_TYPE",
    "DRAM_MEMORY_CONFIG",
    "L1_BLOCK_SHARDED_MEMORY_CONFIG",
    "L1_HEIGHT_SHARDED_MEMORY_CONFIG",
    "L1_MEMORY_CONFIG",
    "L1_WIDTH_SHARDED_MEMORY_CONFIG",
    "ROW_MAJOR_LAYOUT",
    "TILE_LAYOUT",
    "TILE_SIZE",
    "Arch",
    "BufferType",
    "Conv1dConfig",
    "Conv2dConfig",
    "CoreCoord",
    "CoreGrid",
    "CoreRange",
    "CoreRangeSet",
    "DataType",
    "Device",
    "EmbeddingsType",
    "GeluVariant",
    "LayerNormDefaultProgramConfig",
    "LayerNormShardedMultiCoreProgramConfig",
    "Layout",
    "MathFidelity",
    "MatmulMultiCoreReuseMultiCast1DProgramConfig",
    "MatmulMultiCoreReuseMultiCastDRAMShardedProgramConfig",
    "MatmulMultiCoreReuseMultiCastProgramConfig",
    "MatmulMultiCoreReuseProgramConfig",
    "MemoryConfig",
    "MeshDevice",
    "SDPAProgramConfig",
    "Shape",
    "ShardOrientation",
    "ShardSpec",
    "SoftmaxDefaultProgramConfig",
    "SoftmaxShardedMultiCoreProgramConfig",
    "StorageType",
    "Tensor",
    "TensorMemoryLayout",
    "Tile",
    "UnaryOpType",
    "UnaryWithParam",
    "WormholeComputeKernelConfig",
    "bfloat4_b",
    "bfloat8_b",
    "bfloat16",
    "close_device",
    "device",
    "experimental",
    "float32",
    "fp8_e4m3",
    "init_device_compute_kernel_config",
    "int8",
    "int32",
    "is_tensor_storage_on_device",
    "kv_cache",
    "open_device",
    "synchronize_device",
    "transformer",
    "uint8",
    "uint16",
    "uint32",
]


def is_tensor_storage_on_device(tensor: Tensor) -> bool:
    """Whether a tensor is a device tensor, deallocated or not."""
    return tensor.storage_type() is StorageType.DEVICE


def __getattr__(name: str) -> Any:
    raise missing("ttnn", name)
