"""The emulated namespace ``ttnn.transformer``: every operation registered under that name."""

from __future__ import annotations

from typing import Any

from symbiote_emulator.ttnn._lookup import missing, operations_under

globals().update(operations_under("ttnn.transformer"))


def __getattr__(name: str) -> Any:
    raise missing("ttnn.transformer", name)
