"""The name ``ttnn`` for kernels: whatever the active runtime provides.

Use its attributes inside functions, never at import time: a value taken at import stays with the
runtime that was active then.
"""

from __future__ import annotations

from typing import Any

from symbiote_core import LateBoundModule

ttnn: Any = LateBoundModule("ttnn")
