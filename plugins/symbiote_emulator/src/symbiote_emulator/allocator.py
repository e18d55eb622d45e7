"""Device memory: accounting of live and peak bytes, and the out-of-memory error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symbiote_emulator.errors import OutOfMemoryError

if TYPE_CHECKING:
    from symbiote_emulator.device import Device
    from symbiote_emulator.spec import TensorSpec


class Memory:
    """All banks of one buffer type. Banks fill in lock step, as TTNN's do.

    Fragmentation is not modelled: a buffer fits if its share of a bank is free.

    Args:
        name: ``DRAM`` or ``L1``.
        banks: number of banks.
        bank_bytes: usable bytes of a bank.
    """

    __slots__ = (
        "bank_bytes",
        "banks",
        "buffers",
        "bytes_per_bank",
        "live_bytes",
        "name",
        "peak_bytes",
        "peak_bytes_per_bank",
    )

    def __init__(self, name: str, banks: int, bank_bytes: int) -> None:
        self.name = name
        self.banks = banks
        self.bank_bytes = bank_bytes
        self.buffers = 0
        self.bytes_per_bank = 0
        self.live_bytes = 0
        self.peak_bytes = 0
        self.peak_bytes_per_bank = 0

    @property
    def free_bytes_per_bank(self) -> int:
        """Bytes that are free in each bank."""
        return self.bank_bytes - self.bytes_per_bank

    def reserve(self, nbytes: int, per_bank: int) -> None:
        """Take memory.

        Args:
            nbytes: bytes of the buffer, padding included.
            per_bank: its share of each bank.

        Raises:
            OutOfMemoryError: a bank has not as much free.
        """
        used = self.bytes_per_bank + per_bank
        if used > self.bank_bytes:
            free = self.free_bytes_per_bank
            raise OutOfMemoryError(
                f"Out of Memory: Not enough space to allocate {nbytes} B {self.name} buffer "
                f"across {self.banks} banks, where each bank needs to store {per_bank} B, but "
                f"bank size is {self.bank_bytes} B (allocated: {self.bytes_per_bank} B, "
                f"free: {free} B, largest free block: {free} B).",
                "Deallocate tensors that are no longer needed, or use smaller dtypes or batches.",
                nbytes=nbytes,
                bytes_per_bank=per_bank,
                free_bytes_per_bank=free,
            )
        self.bytes_per_bank = used
        self.live_bytes += nbytes
        self.buffers += 1
        if used > self.peak_bytes_per_bank:
            self.peak_bytes_per_bank = used
        if self.live_bytes > self.peak_bytes:
            self.peak_bytes = self.live_bytes

    def release(self, nbytes: int, per_bank: int) -> None:
        """Give memory back."""
        self.bytes_per_bank -= per_bank
        self.live_bytes -= nbytes
        self.buffers -= 1

    def reset_peak(self) -> None:
        """Start the peaks again from what is live now."""
        self.peak_bytes = self.live_bytes
        self.peak_bytes_per_bank = self.bytes_per_bank


class Buffer:
    """One allocation, shared by all tensors that are views of each other.

    It is given back by :meth:`free`, or when the last tensor that shares it is gone. The device
    does not know its buffers, so there is no reference cycle and nothing waits for the collector.
    """

    __slots__ = ("allocated", "device", "memory", "nbytes", "per_bank")

    def __init__(self, device: Device, spec: TensorSpec) -> None:
        self.allocated = False  # first, for __del__ after a refused reservation
        self.device = device
        self.memory = device.memory(spec.buffer_type)
        self.nbytes = spec.nbytes
        self.per_bank = spec.bytes_per_bank(self.memory.banks)
        self.memory.reserve(self.nbytes, self.per_bank)
        self.allocated = True

    def free(self) -> None:
        """Give the memory back; a second call does nothing."""
        if self.allocated:
            self.allocated = False
            self.memory.release(self.nbytes, self.per_bank)

    def __del__(self) -> None:
        self.free()
