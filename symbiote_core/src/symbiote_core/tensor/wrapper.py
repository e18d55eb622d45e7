"""TorchTTNNTensor: a TTNN tensor that goes through torch code as a torch tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from symbiote_core.errors import DeviceError
from symbiote_core.fallback import Activity
from symbiote_core.runtime.active import active_runtime
from symbiote_core.runtime.protocol import Runtime
from symbiote_core.tensor.range import within_bfloat16

if TYPE_CHECKING:  # torch works without NumPy, and so does this package
    import numpy as np


def _dispatch(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    raise NotImplementedError("symbiote_core.tensor.dispatch is not imported")


class TorchTTNNTensor(torch.Tensor):
    """A `torch.Tensor` whose values live on a TTNN device, on the host, or on both.

    Torch code sees a CPU tensor of the shape, strides and dtype that the torch module would have
    returned. Its operations go through the table of aten handlers (`dispatch`); what has no
    handler runs on torch and is recorded.

    The host copy and the device copy are kept until one of them is written to: an in-place
    operation runs on the host copy and drops the device copy, also through views. Where there is
    only a device copy, and a handler, it runs there.

    Args:
        elem: a torch tensor (any shape), or a tensor of a runtime.
        dtype: the torch dtype to show; by default that of ``elem`` for a torch tensor and
            float32 for a device tensor.
        runtime: the runtime of a device tensor; by default the active one.
        device: where `to_ttnn` uploads a host tensor to.
        activity: the counters that transfers go to; by default counters of its own.
    """

    # Transfers keep one copy on each side. A view made from `_origin` remembers how (`_view`), so
    # that a write through either is seen by the other.
    # Defaults stand on the class, so that making one on the hot path sets four attributes.
    _host: torch.Tensor | None = None
    _ttnn: Any = None
    _runtime: Runtime | None = None
    _ttnn_device: Any = None
    _activity: Activity
    _origin: TorchTTNNTensor | None = None
    _view: Callable[[torch.Tensor], torch.Tensor] | None = None
    _host_version: int = 0
    _writes: int = 0
    _seen_writes: int = 0

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(  # noqa: D102 - the class docstring describes the arguments
        cls,
        elem: Any,
        dtype: torch.dtype | None = None,
        runtime: Runtime | None = None,
        device: Any = None,
        activity: Activity | None = None,
    ) -> TorchTTNNTensor:
        if isinstance(elem, TorchTTNNTensor):
            elem, device = elem.to_torch, device or elem._ttnn_device
        if isinstance(elem, torch.Tensor):
            host = elem.detach()
            if dtype is not None and host.dtype != dtype:
                host = host.to(dtype)
            self = _bare(cls, host.shape, host.dtype, host.stride())
            self._host = host
        else:
            runtime = runtime or active_runtime()
            if not runtime.is_tensor(elem):
                raise TypeError(
                    f"TorchTTNNTensor wraps a torch tensor or a tensor of the runtime "
                    f"{runtime.name!r}, got {type(elem).__module__}.{type(elem).__name__}."
                )
            self = _bare(cls, tuple(elem.shape), dtype or torch.float32)
            self._ttnn = elem
        self._runtime = runtime
        self._ttnn_device = device
        self._activity = activity if activity is not None else Activity()
        return self

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return _dispatch(func, args, kwargs or {})

    # -- the two copies -------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Forget what a write to the base made stale."""
        base = self._origin
        if base is not None and self._seen_writes != base._write_count():
            self._host = self._ttnn = None
            self._seen_writes = base._write_count()

    def _write_count(self) -> int:
        """Grows with each write to the values: through this class, or to a shared host tensor."""
        return self._writes if self._host is None else self._writes + _version(self._host)

    @property
    def to_torch(self) -> torch.Tensor:
        """The values as a plain torch tensor of this shape and dtype; downloaded at most once."""
        if self._origin is not None:
            self._refresh()
            here = self._ttnn is not None and self._origin._host is None and 0 not in self.stride()
            if self._host is None and not here:
                assert self._view is not None
                self._host = self._view(self._origin.to_torch)
                self._host_version = _version(self._host)
        if self._host is None:
            assert self._runtime is not None
            host = self._activity.download(self._runtime, self._ttnn)
            host = host.reshape(self.shape).to(self.dtype)
            if host.stride() != self.stride():
                host = torch.empty_strided(self.shape, self.stride(), dtype=self.dtype).copy_(host)
            self._host = host
            self._host_version = _version(self._host)
        return self._host

    @property
    def to_ttnn(self) -> Any:
        """The values as a tensor of the runtime on the device; uploaded at most once."""
        if self._origin is not None:
            self._refresh()
        host = self._host
        if host is not None and self._host_version != _version(host):
            self._ttnn = None  # somebody wrote to the host tensor that this one shares
        if self._ttnn is None:
            if self._ttnn_device is None:
                raise DeviceError(
                    "This TorchTTNNTensor has only a host copy and no device to upload it to. "
                    "Give it one: TorchTTNNTensor(tensor, device=open_device('emulator'))."
                )
            if self._runtime is None:
                from symbiote_core.runtime.devices import runtime_of

                self._runtime = runtime_of(self._ttnn_device)
            host = self.to_torch
            finite = within_bfloat16(host) if host.is_floating_point() and host.numel() else host
            self._ttnn = self._runtime.from_torch(finite, self._ttnn_device)
            self._host_version = _version(host)
            self._activity.uploaded(host)
        return self._ttnn

    @property
    def is_on_device(self) -> bool:
        """Whether there is a device copy that is up to date."""
        self._refresh()
        host = self._host
        written = host is not None and self._host_version != _version(host)
        return self._ttnn is not None and not written

    def writable_host(self) -> torch.Tensor:
        """The host copy, to be written to by an in-place operation; drops the device copies."""
        base = self._origin
        if base is None:
            host = self.to_torch
            self._ttnn = None
            self._writes += 1
            return host
        target = base.writable_host()
        assert self._view is not None
        self._ttnn = None
        self._seen_writes = base._write_count()
        self._host = self._view(target)
        return self._host

    def replace(self, new: TorchTTNNTensor) -> None:
        """Take the values of a tensor that nobody else has, as an in-place operation does."""
        self._ttnn, self._host, self._host_version = new._ttnn, new._host, new._host_version
        self._writes += 1

    def view_of(
        self, base: TorchTTNNTensor, replay: Callable[[torch.Tensor], torch.Tensor]
    ) -> TorchTTNNTensor:
        """Mark this tensor as a view of ``base``; ``replay`` makes the same view on torch."""
        inner = base._view
        if base._origin is not None and inner is not None:
            # A view of a view is one of the tensor that holds the values: writes are seen there.
            base, outer = base._origin, replay
            self._view = lambda host: outer(inner(host))
        else:
            self._view = replay
        self._origin, self._seen_writes = base, base._write_count()
        return self

    # -- what torch can't do through dispatch ---------------------------------------------------

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self.to_torch.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The values as a NumPy array; it shares no memory with the device."""
        return self.to_torch.numpy(force=force)

    def __array__(self, dtype: Any = None) -> np.ndarray[Any, Any]:
        """The values for NumPy functions."""
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        """The values, and where they are."""
        place = (
            "device and host"
            if self._ttnn is not None and self._host is not None
            else ("device" if self._ttnn is not None else "host")
        )
        return f"TorchTTNNTensor({self.to_torch!r}, on={place!r})"

    def __format__(self, spec: str) -> str:
        """As torch formats the values."""
        return format(self.to_torch, spec)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as the host values: a device can't be pickled."""
        return (TorchTTNNTensor, (self.to_torch.clone(),))

    def __deepcopy__(self, memo: dict[int, Any]) -> TorchTTNNTensor:
        """A copy of the host values that uploads to the same device."""
        copied = TorchTTNNTensor(self.to_torch.clone(), None, self._runtime, self._ttnn_device)
        memo[id(self)] = copied
        return copied


def set_dispatch(dispatch: Callable[..., Any]) -> None:
    """Let torch's operations on these tensors go to ``dispatch(func, args, kwargs)``."""
    global _dispatch
    _dispatch = dispatch


_make: Any = torch.Tensor._make_wrapper_subclass


def _version(tensor: torch.Tensor) -> int:
    """The counter of in-place writes; tensors of inference mode have none."""
    return 0 if tensor.is_inference() else tensor._version


def _bare(
    cls: type[TorchTTNNTensor], shape: Any, dtype: torch.dtype, strides: Any = None
) -> TorchTTNNTensor:
    tensor: TorchTTNNTensor = _make(cls, shape, strides=strides, dtype=dtype)
    return tensor


def wrap(
    tensor: Any,
    dtype: torch.dtype,
    runtime: Runtime,
    device: Any,
    activity: Activity,
    strides: tuple[int, ...] | None = None,
) -> TorchTTNNTensor:
    """Wrap a device tensor without checks; the hot path's constructor.

    Only a view has strides to give: those that torch's own would have, because they tell torch
    code whether ``contiguous`` and ``reshape`` make a copy.
    """
    self: TorchTTNNTensor = _make(
        TorchTTNNTensor, tuple(tensor.shape), strides=strides, dtype=dtype
    )
    self._ttnn = tensor
    self._runtime = runtime
    self._ttnn_device = device
    self._activity = activity
    return self
