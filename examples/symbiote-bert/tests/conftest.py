from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from symbiote_core import close_device, open_device


@pytest.fixture
def emulator() -> Iterator[Any]:
    device = open_device("emulator")
    yield device
    close_device(device)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("ttnn") is not None:
        return
    for item in items:
        if item.get_closest_marker("ttnn"):
            item.add_marker(pytest.mark.skip(reason="ttnn is not installed"))
