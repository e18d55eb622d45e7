"""Handlers of a plugin run torch's operations on device tensors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from core_kernels import ttnn
from fake_runtime import FakeDevice, FakeRuntime

from symbiote_core import (
    AtenHandler,
    PluginError,
    TorchTTNNTensor,
    hookimpl,
    plugin_manager,
)


class Plugin:
    symbiote_api = "1"

    def __init__(self, *handlers: AtenHandler) -> None:
        self.handlers = handlers

    @hookimpl
    def symbiote_aten_handlers(self) -> tuple[AtenHandler, ...]:
        return self.handlers


def _relu(x: Any) -> Any:
    return ttnn.relu(x)


RELU = AtenHandler("aten.relu.default", _relu)


@pytest.fixture
def tensor(runtime: FakeRuntime, device: FakeDevice) -> TorchTTNNTensor:
    host = torch.tensor([-1.0, 2.0])
    return TorchTTNNTensor(runtime.from_torch(host, device), torch.float32, runtime, device)


def test_the_operation_stays_on_the_device(tensor: TorchTTNNTensor) -> None:
    plugin_manager().register(Plugin(RELU), "mine")
    out = torch.relu(tensor)
    assert out.is_on_device
    assert out.to_torch.tolist() == [0, 2]
    assert not tensor._activity.op_fallbacks


def test_without_it_torch_runs_the_operation(tensor: TorchTTNNTensor) -> None:
    out = torch.relu(tensor)
    assert not out.is_on_device
    assert out.to_torch.tolist() == [0, 2]
    assert list(tensor._activity.op_fallbacks) == [("aten.relu.default", "no handler")]


def test_an_overload_is_taken_once() -> None:
    plugin_manager().register(Plugin(RELU), "mine")
    with pytest.raises(PluginError, match=r"Plugins 'mine' and 'other' both handle aten\.relu\."):
        plugin_manager().register(Plugin(RELU), "other")


@pytest.mark.parametrize(
    ("overload", "why"),
    [
        ("aten.nothing.x", r"has no operation 'aten\.nothing\.x'"),
        ("aten.relu_.default", "writes to"),
    ],
)
def test_what_can_not_be_handled_is_refused(overload: str, why: str) -> None:
    with pytest.raises(PluginError, match=why):
        plugin_manager().register(Plugin(AtenHandler(overload, _relu)), "mine")
