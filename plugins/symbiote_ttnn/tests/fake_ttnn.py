"""The part of ``ttnn`` that the runtimes open devices with, for what needs no real one."""

from __future__ import annotations

import types
from typing import Any


class FakeChip:
    """An open device."""

    def __init__(self, number: int) -> None:
        self.number, self.open = number, True

    def get_num_devices(self) -> int:
        return 1


def fake_ttnn(chips: int = 1) -> Any:
    """A module that opens ``chips`` devices and refuses the rest in TTNN's words."""

    def open_device(device_id: int) -> FakeChip:
        if device_id >= chips:
            raise RuntimeError(
                "TT_FATAL @ /project/tt_metal/llrt/tt_cluster.cpp:129: num_chips > 0\ninfo:\n"
                "No chips detected in the cluster\nbacktrace:\n --- /lib/_ttnncpp.so(+0x1)"
            )
        return FakeChip(device_id)

    def close_device(device: FakeChip) -> None:
        device.open = False

    def get_memory_view(device: FakeChip, _: Any) -> Any:
        if not device.open:
            raise RuntimeError("SubDeviceManagerTracker is not initialized")
        return types.SimpleNamespace(
            num_banks=1, total_bytes_per_bank=1, total_bytes_allocated_per_bank=0
        )

    def crash(*_: Any) -> None:
        raise AssertionError("TTNN would have crashed")

    names = ("begin_trace_capture", "end_trace_capture", "execute_trace", "wait_for_event")
    crashing = dict.fromkeys(names, crash)
    inner = types.SimpleNamespace(
        operations=types.SimpleNamespace(trace=types.SimpleNamespace(**crashing)),
        events=types.SimpleNamespace(**crashing),
    )
    return types.SimpleNamespace(
        Tensor=type("Tensor", (), {}),
        BufferType=types.SimpleNamespace(DRAM="dram"),
        open_device=open_device,
        close_device=close_device,
        get_memory_view=get_memory_view,
        _ttnn=inner,
        **crashing,
    )
