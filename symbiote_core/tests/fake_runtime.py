"""The smallest runtime that the core can be tested with: device tensors are bfloat16 torch tensors.

It refuses freed tensors and shape errors, counts what is allocated, and can be told to run out of
memory. It imports nothing but torch and the core.
"""

from __future__ import annotations

import types
from typing import Any

import torch

from symbiote_core import DeviceError, MemoryUse, OperationFailure, Runtime, RuntimeSpec


class FakeDevice:
    """A device with room for ``capacity`` tensors."""

    def __init__(self, name: str = "fake", capacity: int = 10**9) -> None:
        self.name, self.capacity, self.live, self.closed = name, capacity, 0, False

    def __repr__(self) -> str:
        return f"FakeDevice({self.name!r})"


class FakeTensor:
    """A tensor on the host (``device is None``) or on a fake device."""

    def __init__(self, values: torch.Tensor, device: FakeDevice | None = None) -> None:
        self.values: torch.Tensor | None = None
        self.device = device
        if device is not None:
            if device.live >= device.capacity:
                raise RuntimeError("Out of Memory: no room on the fake device")
            device.live += 1
        self.values = values

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.get().shape)

    def get(self) -> torch.Tensor:
        if self.values is None:
            raise RuntimeError("fake.op: the tensor is not allocated")
        return self.values

    def free(self) -> None:
        if self.values is not None and self.device is not None:
            self.device.live -= 1
        self.values = None

    def cpu(self) -> FakeTensor:
        return FakeTensor(self.get())

    def __del__(self) -> None:
        self.free()


def _out(like: FakeTensor, values: torch.Tensor) -> FakeTensor:
    return FakeTensor(values.to(torch.bfloat16), like.device)


def _from_torch(tensor: torch.Tensor, device: FakeDevice | None = None, **_: Any) -> FakeTensor:
    kept = tensor.detach().to(torch.bfloat16) if tensor.is_floating_point() else tensor.clone()
    return FakeTensor(kept.clone(), device)


def _linear(x: FakeTensor, w: FakeTensor, bias: FakeTensor | None = None) -> FakeTensor:
    out = x.get().float() @ w.get().float()
    return _out(x, out if bias is None else out + bias.get().float())


def _make_module() -> types.SimpleNamespace:
    return types.SimpleNamespace(
        Tensor=FakeTensor,
        bfloat16="bfloat16",
        TILE_LAYOUT="tile",
        from_torch=_from_torch,
        to_device=lambda t, d: FakeTensor(t.get().clone(), d),
        deallocate=lambda t: t.free(),
        linear=_linear,
        add=lambda a, b: _out(
            a, a.get().float() + (b.get().float() if isinstance(b, FakeTensor) else b)
        ),
        relu=lambda a: _out(a, a.get().relu()),
        select=lambda a, dim, index: _out(a, a.get().select(dim, index)),
        transpose=lambda a, i, j: _out(a, a.get().transpose(i, j).contiguous()),
        split=lambda a, size, dim: [_out(a, part.clone()) for part in a.get().split(size, dim)],
        concat=lambda ts, dim: _out(ts[0], torch.cat([t.get() for t in ts], dim)),
    )


class FakeRuntime(Runtime):
    """See the module's docstring."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.ttnn = _make_module()
        self.tensor_type = FakeTensor

    def from_torch(self, tensor: torch.Tensor, device: Any) -> Any:
        return _from_torch(tensor, device)

    def to_torch(self, tensor: Any) -> torch.Tensor:
        return tensor.get().clone()

    def to_device(self, tensor: Any, device: Any) -> Any:
        return self.ttnn.to_device(tensor, device)

    def to_host(self, tensor: Any) -> Any:
        return tensor.cpu()

    def deallocate(self, tensor: Any) -> None:
        tensor.free()

    def is_allocated(self, tensor: Any) -> bool:
        return tensor.values is not None

    def memory(self, device: Any) -> MemoryUse:
        return MemoryUse(device.capacity, device.live)

    def describe_error(self, error: Exception) -> OperationFailure:
        text = str(error)
        op = text.partition(":")[0] if text.startswith("fake.") else None
        return OperationFailure(
            op, text, "out_of_memory" if "Out of Memory" in text else "ttnn_error"
        )

    def open(self, name: str) -> Any:
        if name not in ("fake", "fake:0"):
            raise DeviceError(f"The fake runtime has no device {name!r}.")
        return FakeDevice(name)

    def close(self, device: Any) -> None:
        device.closed = True


def spec(runtime: FakeRuntime, **changes: Any) -> RuntimeSpec:
    """The record that registers ``runtime``."""
    values: dict[str, Any] = {
        "name": runtime.name,
        "scheme": runtime.name,
        "examples": (runtime.name,),
        "load": lambda: runtime,
        "unavailable": lambda: None,
        "chips": list,
        "device_module": FakeDevice.__module__,
    }
    return RuntimeSpec(**(values | changes))
