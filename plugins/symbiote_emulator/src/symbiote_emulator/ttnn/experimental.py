"""The emulated namespace ``ttnn.experimental``: every operation registered under that name."""

from __future__ import annotations

from typing import Any

from symbiote_emulator.ttnn._lookup import missing, operations_under

globals().update(operations_under("ttnn.experimental"))


def __getattr__(name: str) -> Any:
    raise missing("ttnn.experimental", name)
