"""Runtimes of a plugin open their devices, and are loaded when one is first opened."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from fake_runtime import FakeDevice, FakeRuntime, spec

from symbiote_core import (
    PluginError,
    RuntimeSpec,
    active_runtime,
    hookimpl,
    open_device,
    plugin_manager,
    runtime_of,
)


class Plugin:
    symbiote_api = "1"

    def __init__(self, *specs: RuntimeSpec) -> None:
        self.specs = specs

    @hookimpl
    def symbiote_runtimes(self) -> list[RuntimeSpec]:
        return list(self.specs)


class Lab(FakeRuntime):
    """A runtime with any number of devices."""

    def open(self, name: str) -> Any:
        return FakeDevice(name)


def _spec(name: str, **changes: Any) -> tuple[FakeRuntime, RuntimeSpec]:
    made = Lab(name)
    return made, attrs.evolve(spec(made, device_module="elsewhere"), **changes)


def test_its_device_strings_open_its_devices() -> None:
    loads: list[int] = []
    made, told = _spec("lab")

    def load() -> FakeRuntime:
        loads.append(1)
        return made

    plugin_manager().register(Plugin(attrs.evolve(told, load=load)), "mine")
    assert loads == []
    device = open_device("lab:3")
    assert loads == [1]
    assert device.name == "lab:3"
    assert active_runtime() is made
    assert plugin_manager().registry.runtimes[-1].plugin == "mine"


def test_a_scheme_is_taken_once(runtime: FakeRuntime) -> None:
    _, told = _spec("fake")
    with pytest.raises(PluginError, match="'fake' and 'mine' both bring a device scheme named 'fa"):
        plugin_manager().register(Plugin(told), "mine")
    assert runtime_of(open_device("fake")) is runtime


def test_auto_asks_it_for_chips() -> None:
    _, told = _spec("lab", chips=lambda: ["lab:7"])
    plugin_manager().register(Plugin(told), "mine")
    assert open_device("auto").name == "lab:7"
