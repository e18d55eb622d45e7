"""What the tests of the core share: a plugin manager with the fake runtime, and models."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

# Test files are imported by path (importmode=importlib), so their helpers are found here.
sys.path.insert(0, str(Path(__file__).parent))

from core_kernels import FakePlugin
from fake_runtime import FakeDevice, FakeRuntime

from symbiote_core import PluginManager, Settings, open_device, set_plugin_manager
from symbiote_core.runtime import activate, devices
from symbiote_core.runtime.active import ACTIVE


@pytest.fixture(autouse=True)
def runtime() -> Iterator[FakeRuntime]:
    """The fake runtime, brought by a plugin; what was installed before comes back."""
    fake = FakeRuntime()
    manager = PluginManager(Settings(autoload=False))
    manager.register(FakePlugin(fake), "fake")
    active, loaded = ACTIVE.runtime, dict(devices._loaded)
    devices._loaded.clear()
    before = set_plugin_manager(manager)
    activate(None)
    yield fake
    set_plugin_manager(before)
    devices._loaded.clear()
    devices._loaded.update(loaded)
    activate(active)


@pytest.fixture(autouse=True)
def no_grad() -> Iterator[None]:
    """Inference, as in use; the tests of gradients turn them on."""
    with torch.no_grad():
        yield


@pytest.fixture
def device(runtime: FakeRuntime) -> FakeDevice:
    """An open device of the fake runtime."""
    opened: Any = open_device("fake")
    assert isinstance(opened, FakeDevice)
    return opened
