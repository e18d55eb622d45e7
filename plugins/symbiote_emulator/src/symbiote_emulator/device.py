"""The emulated device: a Wormhole N150 or a Blackhole P150."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import attrs

from symbiote_emulator.allocator import Buffer, Memory
from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.spec import TensorSpec
from symbiote_emulator.types import Arch, BufferType, CoreCoord, CoreGrid, ShardSpec


@attrs.frozen
class ChipFacts:
    """What a chip has, as the mock device of TTNN 0.81.1 reports it."""

    grid_x: int
    grid_y: int
    l1_bank_bytes: int
    dram_banks: int
    dram_bank_bytes: int


CHIPS: Final[Mapping[Arch, ChipFacts]] = {
    Arch.WORMHOLE_B0: ChipFacts(8, 8, 1_393_312, 12, 1_072_693_184),
    Arch.BLACKHOLE: ChipFacts(13, 10, 1_461_120, 8, 4_277_141_376),
}


@attrs.define
class Counters:
    """What a device was asked to do since it was opened or :meth:`Device.reset_counters`."""

    operations: Counter[str] = attrs.field(factory=Counter)
    uploads: int = 0
    upload_bytes: int = 0
    downloads: int = 0
    download_bytes: int = 0


class MeshShape:
    """The shape of a mesh of one device."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return iter((1, 1))

    def __getitem__(self, index: int) -> int:
        return (1, 1)[index]

    def mesh_size(self) -> int:
        """The number of devices."""
        return 1

    def __repr__(self) -> str:
        return "MeshShape([1, 1])"


class Device:
    """One emulated chip.

    Args:
        device_id: its number.
        arch: the generation.
        l1_small_size: bytes that are taken off each L1 bank, as ``open_device`` does.

    Attributes:
        counters: operations by name, uploads, downloads and their bytes.
    """

    __slots__ = ("__weakref__", "_arch", "_facts", "_id", "_memories", "_open", "counters")

    def __init__(
        self, device_id: int = 0, *, arch: Arch = Arch.WORMHOLE_B0, l1_small_size: int = 0
    ) -> None:
        facts = CHIPS[arch]
        self._id = device_id
        self._arch = arch
        self._facts = facts
        self._open = True
        self._memories = {
            BufferType.DRAM: Memory("DRAM", facts.dram_banks, facts.dram_bank_bytes),
            BufferType.L1: Memory(
                "L1", facts.grid_x * facts.grid_y, facts.l1_bank_bytes - l1_small_size
            ),
        }
        self.counters = Counters()

    def id(self) -> int:
        """The number of the device."""
        return self._id

    def arch(self) -> Arch:
        """The chip generation."""
        return self._arch

    @property
    def core_grid(self) -> CoreGrid:
        """All worker cores."""
        return CoreGrid(x=self._facts.grid_x, y=self._facts.grid_y)

    @property
    def shape(self) -> MeshShape:
        """The shape of the mesh: one by one."""
        return MeshShape()

    def compute_with_storage_grid_size(self) -> CoreCoord:
        """Columns and rows of worker cores."""
        return CoreCoord(self._facts.grid_x, self._facts.grid_y)

    def dram_grid_size(self) -> CoreCoord:
        """DRAM banks as a grid of one row."""
        return CoreCoord(self._facts.dram_banks, 1)

    def get_num_devices(self) -> int:
        """The number of chips in the mesh: one."""
        return 1

    def get_device_ids(self) -> list[int]:
        """The numbers of the chips in the mesh."""
        return [self._id]

    def num_program_cache_entries(self) -> int:
        """Always 0: the emulator has no programs."""
        return 0

    def enable_program_cache(self) -> None:
        """Accepted; the emulator has no programs."""

    def clear_program_cache(self) -> None:
        """Accepted; the emulator has no programs."""

    def disable_and_clear_program_cache(self) -> None:
        """Accepted; the emulator has no programs."""

    def set_program_cache_misses_allowed(self, allowed: bool) -> None:
        """Accepted; the emulator has no programs."""

    @property
    def is_open(self) -> bool:
        """Whether tensors can be put on the device."""
        return self._open

    def close(self) -> None:
        """Refuse further allocations; a second call does nothing."""
        self._open = False

    def memory(self, buffer_type: BufferType) -> Memory:
        """The accounts of DRAM or L1.

        Raises:
            OperationRefused: another buffer type.
        """
        memory = self._memories.get(buffer_type)
        if memory is None:
            raise OperationRefused(
                f"Buffers of type {buffer_type} are not emulated.",
                "Use ttnn.BufferType.DRAM or ttnn.BufferType.L1.",
            )
        return memory

    def allocate(self, spec: TensorSpec) -> Buffer:
        """Reserve memory for a tensor.

        Raises:
            OutOfMemoryError: it does not fit.
            OperationRefused: the device is closed, or a shard is outside of the core grid, or
                of the banks of DRAM.
        """
        if not self._open:
            raise OperationRefused(
                f"Device {self._id} is closed.", "Open a device with ttnn.open_device first."
            )
        shard = spec.memory_config.shard_spec
        if shard is not None:
            self._check_grid(shard, spec.buffer_type)
        return Buffer(self, spec)

    def count_upload(self, nbytes: int) -> None:
        """Note a transfer from the host."""
        self.counters.uploads += 1
        self.counters.upload_bytes += nbytes

    def count_download(self, nbytes: int) -> None:
        """Note a transfer to the host."""
        self.counters.downloads += 1
        self.counters.download_bytes += nbytes

    def reset_counters(self) -> None:
        """Forget all counts and start the memory peaks again."""
        self.counters = Counters()
        for memory in self._memories.values():
            memory.reset_peak()

    def _check_grid(self, shard: ShardSpec, buffer_type: BufferType) -> None:
        last = shard.grid.bounding_box().end
        if buffer_type is BufferType.DRAM:
            if last.y or last.x >= self._facts.dram_banks:
                raise OperationRefused(
                    f"Shard core {last} has no DRAM bank on this device, which has a row of "
                    f"{self._facts.dram_banks}.",
                    "Use cores of device.dram_grid_size().",
                    core=last,
                )
            return
        if last.x >= self._facts.grid_x or last.y >= self._facts.grid_y:
            raise OperationRefused(
                f"Core {last} is outside of the {self._facts.grid_x}x{self._facts.grid_y} grid.",
                "Use cores of device.core_grid.",
                core=last,
            )

    def __repr__(self) -> str:
        return "MeshDevice(1x1 grid, 1 devices)"


def open_device(
    device_id: int = 0,
    l1_small_size: int = 0,
    trace_region_size: int = 0,  # noqa: ARG001 - TTNN's parameter
    *,
    arch: Arch = Arch.WORMHOLE_B0,
    **_options: Any,
) -> Device:
    """Open an emulated device.

    Args:
        device_id: its number; every call makes a device of its own.
        l1_small_size: bytes reserved in each L1 bank.
        trace_region_size: accepted, unused: traces are not emulated.
        arch: Wormhole by default.
        **_options: accepted and unused, such as ``num_command_queues``.
    """
    return Device(device_id, arch=arch, l1_small_size=l1_small_size)


def close_device(device: Device) -> None:
    """Close a device."""
    device.close()


def synchronize_device(device: Device, *_: Any, **__: Any) -> None:
    """Do nothing: the emulator runs every operation at once."""
