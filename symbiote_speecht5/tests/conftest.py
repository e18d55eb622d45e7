from __future__ import annotations

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
