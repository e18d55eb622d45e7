"""Opening devices by name, and telling whose an open device is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from core_kernels import FakePlugin
from fake_runtime import FakeDevice, FakeRuntime

from symbiote_core import (
    DeviceError,
    PluginManager,
    Settings,
    active_runtime,
    close_device,
    open_device,
    plugin_manager,
    runtime_named,
    runtime_of,
    set_plugin_manager,
)


def _second(**changes: Any) -> FakeRuntime:
    other = FakeRuntime("emulator")
    changes.setdefault("device_module", "elsewhere")
    plugin_manager().register(FakePlugin(other, **changes), "other")
    return other


def test_a_device_string_opens_a_device_of_its_runtime(runtime: FakeRuntime) -> None:
    opened = open_device("fake:0")
    assert isinstance(opened, FakeDevice)
    assert opened.name == "fake:0"
    assert runtime_of(opened) is runtime
    assert active_runtime() is runtime


def test_a_runtime_is_loaded_once() -> None:
    loads = []
    other = FakeRuntime("emulator")

    def load() -> FakeRuntime:
        loads.append(1)
        return other

    plugin_manager().register(FakePlugin(other, load=load, device_module="elsewhere"), "other")
    assert loads == []
    assert runtime_named("emulator") is other
    assert runtime_named("emulator") is other
    assert loads == [1]


def test_auto_takes_a_chip_if_there_is_one_and_says_so(
    caplog: pytest.LogCaptureFixture, opened: Callable[[FakeRuntime], list[str]]
) -> None:
    other = _second(chips=lambda: ["emulator:7"])
    names = opened(other)
    with caplog.at_level(logging.INFO, logger="symbiote"):
        open_device()
    assert names == ["emulator:7"]
    assert "open_device('auto') chose 'emulator:7'" in caplog.text


def test_auto_is_the_emulator_without_a_chip(opened: Callable[[FakeRuntime], list[str]]) -> None:
    names = opened(_second())
    open_device("auto")
    assert names == ["emulator"]


def test_auto_passes_over_runtimes_that_can_not_be_used(
    opened: Callable[[FakeRuntime], list[str]],
) -> None:
    names = opened(_second())
    chips = FakeRuntime("chips")
    changes: dict[str, Any] = {"chips": lambda: ["chips:0"], "unavailable": lambda: "no driver"}
    plugin_manager().register(FakePlugin(chips, **changes), "chips")
    open_device()
    assert names == ["emulator"]
    with pytest.raises(DeviceError, match=r"The runtime 'chips' can't be used here: no driver"):
        open_device("chips:0")


@pytest.fixture
def opened() -> Callable[[FakeRuntime], list[str]]:
    """Record the names that a runtime is asked to open."""

    def record(runtime: FakeRuntime) -> list[str]:
        names: list[str] = []

        def open_it(name: str) -> FakeDevice:
            names.append(name)
            return FakeDevice(name)

        runtime.open = open_it  # type: ignore[method-assign]
        return names

    return record


def test_an_unknown_device_lists_the_known_ones() -> None:
    with pytest.raises(DeviceError) as caught:
        open_device("gpu:0")
    assert str(caught.value) == (
        "No runtime knows the device 'gpu:0'. Known device strings: 'auto', 'fake'."
    )


def test_a_device_of_a_known_runtime_that_is_not_there() -> None:
    with pytest.raises(DeviceError, match=r"The fake runtime has no device 'fake:9'\."):
        open_device("fake:9")


def test_a_device_that_is_no_string(device: FakeDevice) -> None:
    with pytest.raises(
        DeviceError, match=r"open_device takes a device string, got FakeDevice\('fa"
    ):
        open_device(device)  # type: ignore[arg-type]


def test_an_object_that_is_no_device() -> None:
    with pytest.raises(DeviceError) as caught:
        runtime_of(3)
    assert str(caught.value) == (
        "3 of type int is no device of an installed runtime. Open one with open_device(...). Known "
        "device strings: 'auto', 'fake'."
    )


def test_an_unknown_runtime_lists_the_installed_ones() -> None:
    with pytest.raises(DeviceError) as caught:
        runtime_named("mock")
    assert str(caught.value) == (
        "There is no runtime 'mock'. Installed runtimes: fake. pip install symbiote-emulator "
        "brings the default one."
    )


def test_without_any_runtime_it_says_what_to_install() -> None:
    before = set_plugin_manager(PluginManager(Settings(autoload=False)))
    try:
        with pytest.raises(DeviceError, match="No runtime is installed: pip install symbiote-emu"):
            open_device("auto")
    finally:
        set_plugin_manager(before)


def test_closing_goes_to_the_runtime(device: FakeDevice) -> None:
    close_device(device)
    close_device(device)
    assert device.closed


def test_two_runtimes_of_one_scheme_name_both_plugins(runtime: FakeRuntime) -> None:
    with pytest.raises(Exception, match="both bring a device scheme named 'fake'"):
        plugin_manager().register(FakePlugin(runtime), "again")


def test_of_runtimes_that_share_a_device_class_the_owner_is_found(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = _second(device_module="fake_runtime")
    device = open_device("fake")
    assert runtime_of(device) is runtime
    monkeypatch.setattr(runtime, "owns", lambda device: False)
    assert runtime_of(device) is other
    monkeypatch.setattr(other, "owns", lambda device: False)
    with pytest.raises(DeviceError, match="is no device of an installed runtime"):
        runtime_of(device)
