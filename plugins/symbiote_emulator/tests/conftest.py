from __future__ import annotations

from typing import Any

import pytest

from symbiote_emulator import ttnn


@pytest.fixture(scope="module")
def device() -> Any:
    return ttnn.open_device()
