"""Opening chips and mock chips, as far as no real ``ttnn`` is needed for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from fake_ttnn import FakeChip, fake_ttnn

from symbiote_core import (
    DeviceError,
    PluginManager,
    RuntimeSpec,
    Settings,
    hookimpl,
    open_device,
    set_plugin_manager,
    use_runtime,
)
from symbiote_core.runtime import devices
from symbiote_ttnn import MockChipError
from symbiote_ttnn.runtimes.guards import guard
from symbiote_ttnn.runtimes.mock import MockName, MockRuntime
from symbiote_ttnn.runtimes.native import NativeRuntime, ttnn_sentence
from symbiote_ttnn.runtimes.process import CACHE, CLUSTER, PROCESS, SIMULATOR
from symbiote_ttnn.runtimes.specs import native_spec


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A process that has opened nothing, with a ``ttnn`` of one chip."""
    for name in (CACHE, CLUSTER, SIMULATOR):
        monkeypatch.delenv(name, raising=False)
    for name in ("TT_LOGGER_LEVEL", "LOGURU_LEVEL", "TT_METAL_DISABLE_BACKTRACE"):
        monkeypatch.setenv(name, "off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ttnn", fake_ttnn())
    before = attrs.asdict(PROCESS)
    PROCESS.mock, PROCESS.chips = "", False
    yield
    PROCESS.mock, PROCESS.chips = before["mock"], before["chips"]


def test_a_chip_that_is_open_is_shared_and_closed_by_its_last_holder() -> None:
    runtime = NativeRuntime()
    device = runtime.open("ttnn:0")
    assert runtime.open("ttnn:00") is device
    assert runtime.open("ttnn") is device
    runtime.close(device)
    runtime.close(device)
    assert device.open
    runtime.close(device)
    assert not device.open
    runtime.close(device)  # closed already
    assert runtime.open("ttnn:0") is not device


def test_a_chip_that_was_closed_behind_our_back_is_opened_again() -> None:
    runtime = NativeRuntime()
    device = runtime.open("ttnn:0")
    runtime.ttnn.close_device(device)
    again = runtime.open("ttnn:0")
    assert again is not device
    runtime.close(again)
    assert not again.open


def test_a_chip_that_is_not_there_is_told_in_ttnns_words() -> None:
    runtime = NativeRuntime()
    with pytest.raises(DeviceError) as caught:
        runtime.open("ttnn:7")
    assert str(caught.value) == (
        "TTNN could not open 'ttnn:7': No chips detected in the cluster. `symbiote doctor` lists "
        "the chips; without one use 'emulator' or 'mock:wormhole_b0'."
    )
    assert not PROCESS.chips
    with pytest.raises(DeviceError, match="'ttnn:x' is no device of TTNN"):
        runtime.open("ttnn:x")


def test_chips_and_mocks_do_not_mix() -> None:
    runtime = NativeRuntime()
    device = runtime.open("ttnn:0")
    assert runtime.owns(device)
    mocks = MockRuntime()
    assert not mocks.owns(device)
    with pytest.raises(DeviceError, match="has opened a chip"):
        mocks.open("mock:blackhole")
    PROCESS.mock = "mock:blackhole"
    assert mocks.owns(device)
    assert not runtime.owns(device)
    with pytest.raises(DeviceError, match="sees no chips from then on"):
        runtime.open("ttnn:0")


def test_a_chip_that_the_user_opened_settles_the_process() -> None:
    runtime = NativeRuntime()
    assert runtime.owns(runtime.ttnn.open_device(0))
    with pytest.raises(DeviceError, match="has opened a chip"):
        MockRuntime().open("mock:blackhole")


def test_a_mock_that_the_user_set_up_is_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLUSTER, "/any.yaml")
    runtime = MockRuntime()
    assert runtime.owns(object())
    with pytest.raises(MockChipError):
        runtime.ttnn.begin_trace_capture()


def test_nothing_is_guarded_without_a_mock() -> None:
    ttnn = MockRuntime().ttnn
    with pytest.raises(AssertionError, match="would have crashed"):
        ttnn.begin_trace_capture()


def test_the_guard_keeps_the_first_original() -> None:
    ttnn: Any = fake_ttnn()
    guard(ttnn)
    once = ttnn.execute_trace
    guard(ttnn)
    assert ttnn.execute_trace is once is ttnn._ttnn.operations.trace.execute_trace
    assert once.__wrapped__ is not once
    with pytest.raises(MockChipError) as caught:
        once(None, 0, cq_id=0)
    assert caught.value.op == "ttnn.execute_trace"
    assert str(caught.value) == (
        "ttnn.execute_trace() can't run on a mock chip: TTNN would crash the process. Use a chip "
        "or a simulator, or call the operations themselves; a trace replays on chips only."
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mock:wormhole_b0", MockName("wormhole_b0")),
        ("mock:blackhole:1x1", MockName("blackhole")),
        ("mock:blackhole:2x4", MockName("blackhole", 2, 4)),
    ],
)
def test_device_strings_of_mocks(name: str, expected: MockName) -> None:
    assert MockName.parse(name) == expected
    assert MockName.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "name",
    ["mock", "mock:", "mock:grayskull", "mock:blackhole:2", "mock:blackhole:0x2", "mock::1x2"],
)
def test_other_device_strings_are_refused(name: str) -> None:
    with pytest.raises(DeviceError) as caught:
        MockName.parse(name)
    assert str(caught.value) == (
        f"There is no mock device {name!r}. Known are 'mock:wormhole_b0', 'mock:blackhole', and "
        "meshes of them such as 'mock:wormhole_b0:1x2'."
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("TT_FATAL @ a.cpp:1: x\ninfo:\nTwo\nlines\nbacktrace:\n --- f()", "Two lines"),
        ("TT_FATAL @ a.cpp:1: x\ninfo:\nNo trace\n", "No trace"),
        ("plain\nbacktrace:\n --- f()", "plain"),
        ("info:\nIt has 8 B (allocated: 1 B, free: 7 B, largest free block: 5 B).", "It has 8 B."),
    ],
)
def test_the_sentence_of_an_error(text: str, sentence: str) -> None:
    assert ttnn_sentence(RuntimeError(text)) == sentence


class NativePlugin:
    """The native runtime as its plugin registers it, where there is a wheel."""

    symbiote_api = "1"

    @hookimpl
    def symbiote_runtimes(self) -> list[RuntimeSpec]:
        return [attrs.evolve(native_spec(), unavailable=lambda: None)]


def test_auto_takes_a_simulator_for_a_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIMULATOR, "/opt/simulator")
    monkeypatch.setattr(devices, "_loaded", {})
    manager = PluginManager(Settings(autoload=False))
    manager.register(NativePlugin(), "ttnn")
    before = set_plugin_manager(manager)
    try:
        with use_runtime(NativeRuntime()):  # so that what was active comes back
            device = open_device("auto")
    finally:
        set_plugin_manager(before)
    assert isinstance(device, FakeChip)
    assert device.number == 0
