"""The emulated tensor."""

from __future__ import annotations

import sys
from typing import Any

import torch

from symbiote_emulator.allocator import Buffer
from symbiote_emulator.device import Device
from symbiote_emulator.errors import OperationRefused, WouldCrash
from symbiote_emulator.kept import Kept, may_keep
from symbiote_emulator.numerics import quantise, to_torch_dtype
from symbiote_emulator.registry import call
from symbiote_emulator.spec import TensorSpec
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    BufferType,
    DataType,
    Layout,
    MemoryConfig,
    Shape,
    StorageType,
    Tile,
)


class Tensor:
    """A tensor on the host or on an emulated device.

    Values are one torch tensor of the logical shape, already rounded to the dtype; see
    :mod:`symbiote_emulator.numerics.dtypes` for the storage types. The padded shape follows from
    shape and layout; padding has no values. Tensors that are views of each other share a
    :class:`~symbiote_emulator.allocator.Buffer` and the memory of the torch tensor, so that
    freeing one frees the others and writing one writes the others.

    Make one with ``from_torch`` or an operation. Operations use :meth:`on_device`,
    :meth:`on_host` and :meth:`view`.
    """

    __slots__ = ("__weakref__", "_buffer", "_kept", "_multiplied", "_spec", "_value")

    def __init__(self, value: torch.Tensor, spec: TensorSpec, buffer: Buffer | None) -> None:
        self._value: torch.Tensor | None = value
        self._spec = spec
        self._buffer = buffer
        self._multiplied = False
        self._kept: Kept | None = None

    # -- making ---------------------------------------------------------------------------------

    @classmethod
    def on_device(cls, value: torch.Tensor, spec: TensorSpec, device: Device) -> Tensor:
        """Put rounded values of the logical shape into a new buffer of a device.

        ``value`` must not share memory with another tensor's values: operations may write it.

        Raises:
            OutOfMemoryError: no room.
        """
        return cls(value, spec, device.allocate(spec))

    @classmethod
    def on_host(cls, value: torch.Tensor, spec: TensorSpec) -> Tensor:
        """A host tensor of rounded values of the logical shape."""
        return cls(value, spec, None)

    def view(self, value: torch.Tensor, spec: TensorSpec) -> Tensor:
        """A tensor that shares this one's buffer; ``value`` must be a view of :attr:`value`."""
        return Tensor(value, spec, self._buffer)

    # -- for operations -------------------------------------------------------------------------

    @property
    def value(self) -> torch.Tensor:
        """The stored values, in the logical shape; don't write them, use :meth:`write`.

        Raises:
            WouldCrash: the tensor was deallocated.
        """
        if self._value is None or (self._buffer is not None and not self._buffer.allocated):
            raise WouldCrash(
                "The tensor was deallocated, so it has no data.",
                "Keep the tensor until its last use.",
                shape=self._spec.shape,
            )
        return self._value

    @property
    def spec(self) -> TensorSpec:
        """Shape, dtype, layout and memory in one record."""
        return self._spec

    def kept(self, *, transposed: bool) -> Kept | None:
        """A copy for products of which this is the second operand, from the second use on.

        Args:
            transposed: whether the product takes the last two dimensions the other way round.
        """
        value = self.value
        if value.dim() > 2 and value.shape[:-2].numel() == 1:
            value = value.reshape(value.shape[-2:])
        kept = self._kept
        if kept is not None:
            if kept.version == value._version and kept.transposed is transposed:
                return kept
        elif not self._multiplied:
            self._multiplied = True
            return None
        self._kept = Kept(value, transposed=transposed) if may_keep(value) else None
        return self._kept

    def write(self, value: torch.Tensor, part: Any = ...) -> None:
        """Replace values in place (views see it), rounded to this tensor's dtype.

        Args:
            value: broadcastable to the shape of the part.
            part: the index of what to replace; all of it if left out. Rows stay whole, for block
                floats round blocks of them.
        """
        stored, rounded = self.value, quantise(value, self._spec.dtype)
        if stored.is_inference():  # made in inference mode, where alone it may be written
            with torch.inference_mode():
                stored[part] = rounded
        else:
            stored[part] = rounded

    # -- the API of ttnn.Tensor -------------------------------------------------------------------

    @property
    def shape(self) -> Shape:
        """The logical shape."""
        return Shape(self._spec.shape)

    @property
    def padded_shape(self) -> Shape:
        """The shape in memory."""
        return Shape(self._spec.padded_shape)

    @property
    def dtype(self) -> DataType:
        """The element type."""
        return self._spec.dtype

    @property
    def layout(self) -> Layout:
        """Row major or tile."""
        return self._spec.layout

    @property
    def tile(self) -> Tile:
        """The tile: 32 x 32."""
        return Tile()

    def get_tile(self) -> Tile:
        """The tile: 32 x 32."""
        return Tile()

    def get_dtype(self) -> DataType:
        """The element type."""
        return self._spec.dtype

    def get_layout(self) -> Layout:
        """Row major or tile."""
        return self._spec.layout

    def memory_config(self) -> MemoryConfig:
        """Where and how the tensor is kept; DRAM for host tensors, as TTNN says."""
        return self._spec.memory_config if self._buffer is not None else DRAM_MEMORY_CONFIG

    def storage_type(self) -> StorageType:
        """Host or device; a deallocated device tensor stays a device tensor."""
        return StorageType.HOST if self._buffer is None else StorageType.DEVICE

    def device(self) -> Device | None:
        """The device, or None for host tensors and deallocated ones."""
        buffer = self._buffer
        return buffer.device if buffer is not None and buffer.allocated else None

    def is_allocated(self) -> bool:
        """Whether the data can be used; always true for host tensors."""
        return self._buffer is None or self._buffer.allocated

    def is_sharded(self) -> bool:
        """Whether the tensor is split into shards."""
        return self.memory_config().is_sharded()

    def volume(self) -> int:
        """The number of elements in memory, padding included (TTNN's meaning)."""
        count = 1
        for size in self._spec.padded_shape:
            count *= size
        return count

    def logical_volume(self) -> int:
        """The number of elements of the logical shape."""
        count = 1
        for size in self._spec.shape:
            count *= size
        return count

    def buffer_type(self) -> BufferType:
        """DRAM or L1."""
        return self.memory_config().buffer_type

    def deallocate(self, force: bool = False) -> None:
        """Free the device memory, for views of it too; host tensors keep their data.

        Args:
            force: without it, memory that views share is left alone.
        """
        buffer = self._buffer
        if buffer is None:
            return
        # This attribute, the local name and the argument of getrefcount: more is a view.
        if force or sys.getrefcount(buffer) <= 3:
            buffer.free()
            self._value = self._kept = None

    def cpu(self, blocking: bool = True) -> Tensor:
        """A copy on the host; host tensors are returned as they are."""
        if self._buffer is None:
            return self
        value = self.value
        self._buffer.device.count_download(self._spec.nbytes)
        spec = self._spec.replace(memory_config=DRAM_MEMORY_CONFIG)
        return Tensor.on_host(value.clone(), spec)

    def to(self, target: Device | Layout, memory_config: MemoryConfig | None = None) -> Tensor:
        """Move to a device, or change the layout."""
        if isinstance(target, Layout):
            return call("ttnn.to_layout", self, target)  # type: ignore[no-any-return]
        return call(  # type: ignore[no-any-return]
            "ttnn.to_device", self, target, memory_config=memory_config
        )

    def to_torch(self, **_options: Any) -> torch.Tensor:
        """The values as a torch tensor of the logical shape, in memory of its own."""
        value = self.value
        if self._buffer is not None:
            self._buffer.device.count_download(self._spec.nbytes)
        return to_torch_dtype(value, self._spec.dtype)

    def to_list(self) -> Any:
        """The values as nested lists."""
        return self.to_torch().tolist()

    def item(self) -> Any:
        """The only value.

        Raises:
            OperationRefused: there is more or less than one.
        """
        if self.logical_volume() != 1:
            raise OperationRefused(
                "tensor.item() requires tensor to have exactly one element, but got "
                f"{self.logical_volume()} elements",
                "Slice the tensor first.",
                op="ttnn.Tensor.item",
            )
        return self.to_torch().item()

    def reshape(self, *shape: Any) -> Tensor:
        """``ttnn.reshape`` with sizes, or one sequence of them."""
        sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else list(shape)
        return call("ttnn.reshape", self, sizes)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        data: Any = "<buffer is not allocated>"
        if self.is_allocated():
            text = repr(to_torch_dtype(self.value, self.dtype))
            data = text[len("tensor(") :].rsplit(", dtype=", 1)[0].removesuffix(")")
        return (
            f"ttnn.Tensor({data}, shape={self.shape}, dtype=DataType::{self.dtype.name}, "
            f"layout=Layout::{self.layout.name})"
        )

    def __getitem__(self, index: Any) -> Tensor:
        return call("ttnn.Tensor.__getitem__", self, index)  # type: ignore[no-any-return]

    def __add__(self, other: Any) -> Tensor:
        return call("ttnn.add", self, other)  # type: ignore[no-any-return]

    def __radd__(self, other: Any) -> Tensor:
        return call("ttnn.add", other, self)  # type: ignore[no-any-return]

    def __sub__(self, other: Any) -> Tensor:
        return call("ttnn.subtract", self, other)  # type: ignore[no-any-return]

    def __rsub__(self, other: Any) -> Tensor:
        return call("ttnn.rsub", self, other)  # type: ignore[no-any-return]

    def __mul__(self, other: Any) -> Tensor:
        return call("ttnn.multiply", self, other)  # type: ignore[no-any-return]

    def __rmul__(self, other: Any) -> Tensor:
        return call("ttnn.multiply", other, self)  # type: ignore[no-any-return]

    def __truediv__(self, other: Any) -> Tensor:
        return call("ttnn.divide", self, other)  # type: ignore[no-any-return]

    def __matmul__(self, other: Any) -> Tensor:
        return call("ttnn.matmul", self, other)  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> Any:
        return call("ttnn.eq", self, other)

    def __ne__(self, other: object) -> Any:
        return call("ttnn.ne", self, other)

    def __gt__(self, other: Any) -> Tensor:
        return call("ttnn.gt", self, other)  # type: ignore[no-any-return]

    def __ge__(self, other: Any) -> Tensor:
        return call("ttnn.ge", self, other)  # type: ignore[no-any-return]

    def __lt__(self, other: Any) -> Tensor:
        return call("ttnn.lt", self, other)  # type: ignore[no-any-return]

    def __le__(self, other: Any) -> Tensor:
        return call("ttnn.le", self, other)  # type: ignore[no-any-return]

    # Elementwise equality must not make tensors unhashable: TTNN's have an identity hash.
    __hash__ = object.__hash__
