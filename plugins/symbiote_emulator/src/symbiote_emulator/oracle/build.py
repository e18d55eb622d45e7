"""Building arguments from their JSON description."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import torch

from symbiote_emulator import ttnn
from symbiote_emulator.device import Device
from symbiote_emulator.numerics import STORAGE
from symbiote_emulator.spec import tensor_spec
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    L1_BLOCK_SHARDED_MEMORY_CONFIG,
    L1_HEIGHT_SHARDED_MEMORY_CONFIG,
    L1_MEMORY_CONFIG,
    L1_WIDTH_SHARDED_MEMORY_CONFIG,
    BufferType,
    Conv2dConfig,
    CoreCoord,
    CoreGrid,
    CoreRange,
    CoreRangeSet,
    DataType,
    Layout,
    MathFidelity,
    MemoryConfig,
    SDPAProgramConfig,
    Shape,
    ShardOrientation,
    ShardSpec,
    TensorMemoryLayout,
    UnaryOpType,
    UnaryWithParam,
    WormholeComputeKernelConfig,
)

_LAYOUTS: Final = {"tile": Layout.TILE, "rm": Layout.ROW_MAJOR}
_MEMORY: Final = {
    "dram": DRAM_MEMORY_CONFIG,
    "host": DRAM_MEMORY_CONFIG,
    "l1": L1_MEMORY_CONFIG,
    "l1_hs": L1_HEIGHT_SHARDED_MEMORY_CONFIG,
    "l1_ws": L1_WIDTH_SHARDED_MEMORY_CONFIG,
    "l1_bs": L1_BLOCK_SHARDED_MEMORY_CONFIG,
}


class Builder:
    """Turns descriptions into arguments on one device.

    Operands are zeros, or the recorded constant: answers don't depend on values.

    Args:
        device: where device tensors go.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        self._makers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "T": self._tensor,
            "ccfg": lambda d: Conv2dConfig(**{k: self._config_value(v) for k, v in d["v"].items()}),
            "cg": self._core_grid,
            "ckc": lambda d: _compute_config(d["v"]),
            "dev": lambda _: self.device,
            "dt": lambda d: dtype_named(d["v"]),
            "ell": lambda _: Ellipsis,
            "enum": lambda d: functools.reduce(getattr, d["v"].split("."), ttnn),
            "f": lambda d: float(d["v"]),
            "ly": lambda d: _LAYOUTS[d["v"]],
            "mc": lambda d: memory_config(d["v"]),
            "np": lambda d: _torch(d).numpy(),
            "sdpapc": lambda d: SDPAProgramConfig(
                compute_with_storage_grid_size=self._grid(d["v"]["g"]),
                q_chunk_size=d["v"]["q"],
                k_chunk_size=d["v"]["k"],
            ),
            "shape": lambda d: Shape(d["v"]),
            "sl": lambda d: slice(*(self.build(v) for v in d["v"])),
            "tdt": lambda d: getattr(torch, d["v"]),
            "torch": _torch,
            "tup": lambda d: tuple(self.build(v) for v in d["v"]),
            "uop": lambda d: UnaryWithParam(UnaryOpType[d["v"]], *d["p"]),
            "uope": lambda d: UnaryOpType[d["v"]],
            "v": lambda d: d["v"],
        }

    def _grid(self, described: Any) -> CoreCoord:
        if described == "full":
            return self.device.compute_with_storage_grid_size()
        return CoreCoord(*described)

    def build(self, described: Any) -> Any:
        """The argument of a description."""
        if isinstance(described, dict):
            if "$" in described:
                return self._makers[described["$"]](described)
            return {k: self.build(v) for k, v in described.items()}
        if isinstance(described, list):
            return [self.build(v) for v in described]
        return described

    def _tensor(self, described: dict[str, Any]) -> Tensor:
        dtype = dtype_named(described["d"])
        config = memory_config(described["m"])
        spec = tensor_spec(tuple(described["s"]), dtype, _LAYOUTS[described["l"]], config)
        kind, constant = described.get("fill", ("int", 0))
        fill = constant if kind == "const" else 0
        value = torch.full(spec.shape, fill, dtype=STORAGE[dtype])
        if described["m"] == "host":
            tensor = Tensor.on_host(value, spec)
        else:
            tensor = Tensor.on_device(value, spec, self.device)
        if described.get("freed"):
            tensor.deallocate(force=True)
        return tensor

    def _core_grid(self, described: dict[str, Any]) -> CoreGrid:
        grid = described["v"]
        return self.device.core_grid if grid == "full" else CoreGrid(y=grid[0], x=grid[1])

    def _config_value(self, value: Any) -> Any:
        built = self.build(value)
        return dtype_named(built) if isinstance(built, str) and _is_dtype(built) else built


def _is_dtype(name: str) -> bool:
    return name.upper() in DataType.__members__


def dtype_named(name: str) -> DataType:
    """The data type of a recorded name such as ``bfloat8_b``."""
    return DataType[name.upper()]


def memory_config(described: str | dict[str, Any]) -> MemoryConfig:
    """The memory configuration of a description."""
    if isinstance(described, str):
        return _MEMORY[described]
    x, y = described["g"]
    grid = CoreRangeSet([CoreRange(CoreCoord(0, 0), CoreCoord(x - 1, y - 1))])
    shard = ShardSpec(grid, described["s"], ShardOrientation[described["o"]])
    return MemoryConfig(TensorMemoryLayout[described["sh"]], BufferType[described["b"]], shard)


def _compute_config(fields: dict[str, Any]) -> WormholeComputeKernelConfig:
    named = dict(fields)
    named["math_fidelity"] = MathFidelity[named.get("math_fidelity", "LoFi")]
    return WormholeComputeKernelConfig(**named)


def _torch(described: dict[str, Any]) -> torch.Tensor:
    dtype = getattr(torch, described["d"])
    value = torch.zeros(described["s"], dtype=dtype)
    if described.get("t"):
        value = value.transpose(-1, -2)
    return value.requires_grad_() if described.get("rg") else value
