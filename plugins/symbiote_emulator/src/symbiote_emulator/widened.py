"""float32 copies of operands that are multiplied again and again, such as weights.

Where the processor multiplies float32 faster than bfloat16, converting a weight at every call costs
a quarter of a forward. The copies are host memory beside the emulated device's and end with the
tensor that they belong to.
"""

from __future__ import annotations

from typing import Final

import torch

LIMIT_BYTES: Final = 2 * 2**30
"""All copies together; beyond it operands are converted at every call."""

SMALLEST: Final = 2**14
"""Elements below which converting costs less than looking for a copy."""

_kept_bytes = 0


class Widened:
    """One copy, counted as long as it lives.

    Attributes:
        value: float32.
        version: torch's counter of writes to the original when the copy was made.
    """

    __slots__ = ("_nbytes", "value", "version")

    def __init__(self, original: torch.Tensor) -> None:
        global _kept_bytes
        self.value = original.to(torch.float32)
        self.version = original._version
        self._nbytes = 4 * self.value.numel()
        _kept_bytes += self._nbytes

    def __del__(self) -> None:
        global _kept_bytes
        _kept_bytes -= self._nbytes


def may_keep(original: torch.Tensor) -> bool:
    """Whether a copy of ``original`` pays and fits."""
    count = original.numel()
    if count < SMALLEST or original.dtype is not torch.bfloat16 or original.is_inference():
        return False
    return _kept_bytes + 4 * count <= LIMIT_BYTES


def kept_bytes() -> int:
    """Bytes of all copies now."""
    return _kept_bytes
