"""Building the arguments of a described call on any ``ttnn``.

An object with a key ``"$"`` describes an argument; the value of the key says which kind:

| key | argument |
|---|---|
| ``T`` | a tensor: ``s`` shape, ``d`` dtype, ``l`` ``tile`` or ``rm``, ``m`` memory (``dram``, ``l1``, ``host`` or shards), ``fill``, ``freed`` |
| ``mc`` | a memory configuration: ``dram``, ``l1``, ``l1_hs``, ``l1_ws``, ``l1_bs`` or shards |
| ``dt``, ``ly``, ``tdt``, ``enum`` | a dtype, a layout, a dtype of torch, any name under ``ttnn`` |
| ``torch``, ``np`` | a tensor of torch or NumPy: ``s``, ``d``, ``t`` transposed, ``rg`` requires a gradient |
| ``uop``, ``uope`` | ``UnaryWithParam`` with parameters ``p``, ``UnaryOpType`` |
| ``cg``, ``dev``, ``shape`` | ``CoreGrid`` as [y, x] or ``full``, the device, ``ttnn.Shape`` |
| ``ckc``, ``sdpapc``, ``ccfg`` | compute, SDPA program and convolution configurations |
| ``tup``, ``sl``, ``ell``, ``f``, ``v`` | tuple, slice, ``...``, a float by name, a literal |

Shards are ``sh`` memory layout, ``g`` [columns, rows] of cores, ``s`` shard shape, ``o``
orientation and ``b`` buffer type.
"""  # noqa: E501 - a row of a table is one line

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import torch

HOST: Final = "host"

_MEMORY: Final = {
    "dram": "DRAM_MEMORY_CONFIG",
    "l1": "L1_MEMORY_CONFIG",
    "l1_hs": "L1_HEIGHT_SHARDED_MEMORY_CONFIG",
    "l1_ws": "L1_WIDTH_SHARDED_MEMORY_CONFIG",
    "l1_bs": "L1_BLOCK_SHARDED_MEMORY_CONFIG",
}
_LAYOUTS: Final = {"tile": "TILE_LAYOUT", "rm": "ROW_MAJOR_LAYOUT"}
_STORED: Final = {
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "uint8": torch.uint8,
}
"""What torch tensors are uploaded from; float32 or int32 if the dtype isn't named here."""

Data = Callable[[dict[str, Any]], torch.Tensor]
"""Makes the values of a described tensor, as torch has them."""


def torch_dtype(dtype: str) -> torch.dtype:
    """The dtype of torch that tensors of a dtype of TTNN are uploaded from."""
    return _STORED.get(dtype, torch.int32 if "int" in dtype else torch.float32)


def constant_data(described: dict[str, Any]) -> torch.Tensor:
    """Zeros, or the described constant: no answer depends on values."""
    kind, constant = described.get("fill", ("const", 0))
    fill = constant if kind == "const" else 0
    return torch.full(described["s"], fill, dtype=torch_dtype(described["d"]))


class Builder:
    """Turns descriptions into arguments on one device.

    Args:
        ttnn: the module, emulated or real.
        device: where device tensors go.
        data: the values of tensors.
    """

    def __init__(self, ttnn: Any, device: Any, data: Data = constant_data) -> None:
        self.ttnn = ttnn
        self.device = device
        self._data = data
        self._makers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "T": self._tensor,
            "ccfg": lambda d: ttnn.Conv2dConfig(
                **{k: self._config_value(v) for k, v in d["v"].items()}
            ),
            "cg": self._core_grid,
            "ckc": lambda d: self._compute_config(d["v"]),
            "dev": lambda _: self.device,
            "dt": lambda d: self.dtype(d["v"]),
            "ell": lambda _: Ellipsis,
            "enum": lambda d: functools.reduce(getattr, d["v"].split("."), ttnn),
            "f": lambda d: float(d["v"]),
            "ly": lambda d: getattr(ttnn, _LAYOUTS[d["v"]]),
            "mc": lambda d: self.memory_config(d["v"]),
            "np": lambda d: _torch(d).numpy(),
            "sdpapc": lambda d: ttnn.SDPAProgramConfig(
                compute_with_storage_grid_size=self._grid(d["v"]["g"]),
                q_chunk_size=d["v"]["q"],
                k_chunk_size=d["v"]["k"],
            ),
            "shape": lambda d: ttnn.Shape(d["v"]),
            "sl": lambda d: slice(*(self.build(v) for v in d["v"])),
            "tdt": lambda d: getattr(torch, d["v"]),
            "torch": _torch,
            "tup": lambda d: tuple(self.build(v) for v in d["v"]),
            "uop": lambda d: ttnn.UnaryWithParam(ttnn.UnaryOpType[d["v"]], *d["p"]),
            "uope": lambda d: ttnn.UnaryOpType[d["v"]],
            "v": lambda d: d["v"],
        }

    def build(self, described: Any) -> Any:
        """The argument of a description."""
        if isinstance(described, dict):
            if "$" in described:
                return self._makers[described["$"]](described)
            return {k: self.build(v) for k, v in described.items()}
        if isinstance(described, list):
            return [self.build(v) for v in described]
        return described

    def dtype(self, name: str) -> Any:
        """The data type of a name such as ``bfloat8_b``."""
        return self.ttnn.DataType[name.upper()]

    def memory_config(self, described: str | dict[str, Any]) -> Any:
        """The memory configuration of a description."""
        ttnn = self.ttnn
        if isinstance(described, str):
            return getattr(ttnn, _MEMORY[described])
        x, y = described["g"]
        cores = ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(x - 1, y - 1))
        shard = ttnn.ShardSpec(
            ttnn.CoreRangeSet([cores]), described["s"], ttnn.ShardOrientation[described["o"]]
        )
        layout = ttnn.TensorMemoryLayout[described["sh"]]
        return ttnn.MemoryConfig(layout, ttnn.BufferType[described["b"]], shard)

    def _tensor(self, described: dict[str, Any]) -> Any:
        place: dict[str, Any] = {}
        if described["m"] != HOST:
            place = {"device": self.device, "memory_config": self.memory_config(described["m"])}
        tensor = self.ttnn.from_torch(
            self._data(described),
            dtype=self.dtype(described["d"]),
            layout=getattr(self.ttnn, _LAYOUTS[described["l"]]),
            **place,
        )
        if described.get("freed"):
            self.ttnn.deallocate(tensor)
        return tensor

    def _grid(self, described: Any) -> Any:
        if described == "full":
            return self.device.compute_with_storage_grid_size()
        return self.ttnn.CoreCoord(*described)

    def _core_grid(self, described: dict[str, Any]) -> Any:
        grid = described["v"]
        if grid == "full":
            return self.device.core_grid
        return self.ttnn.CoreGrid(y=grid[0], x=grid[1])

    def _compute_config(self, fields: dict[str, Any]) -> Any:
        named = dict(fields)
        if "math_fidelity" in named:
            named["math_fidelity"] = getattr(self.ttnn.MathFidelity, named["math_fidelity"])
        return self.ttnn.init_device_compute_kernel_config(self.device.arch(), **named)

    def _config_value(self, value: Any) -> Any:
        built = self.build(value)
        names = self.ttnn.DataType.__members__
        return self.dtype(built) if isinstance(built, str) and built.upper() in names else built


def _torch(described: dict[str, Any]) -> torch.Tensor:
    dtype = getattr(torch, described["d"])
    value = torch.zeros(described["s"], dtype=dtype)
    if described.get("t"):
        value = value.transpose(-1, -2)
    return value.requires_grad_() if described.get("rg") else value
