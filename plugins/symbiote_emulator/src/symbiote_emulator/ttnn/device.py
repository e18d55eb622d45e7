"""The emulated namespace ``ttnn.device``."""

from __future__ import annotations

from symbiote_emulator.device import Device
from symbiote_emulator.types import Arch

__all__ = ["Arch", "Device", "is_blackhole", "is_wormhole_b0"]


def is_wormhole_b0(device: Device) -> bool:
    """Whether a device is a Wormhole."""
    return device.arch() is Arch.WORMHOLE_B0


def is_blackhole(device: Device) -> bool:
    """Whether a device is a Blackhole."""
    return device.arch() is Arch.BLACKHOLE
