"""Copies of operands that are multiplied again and again, such as weights.

A copy has the form that this processor multiplies fastest: float32, or bfloat16 in the blocked
order that oneDNN wants. Converting a weight at every call costs a tenth to a quarter of a forward.
The copies are host memory beside the emulated device's and end with the tensor that they belong to.
"""

from __future__ import annotations

from typing import Any, Final

import torch

from symbiote_emulator.numerics import bf16_matmul_is_fast

LIMIT_BYTES: Final = 2 * 2**30
"""All copies together; beyond it operands are converted at every call."""

SMALLEST: Final = 2**14
"""Elements below which converting costs less than looking for a copy."""

fused_linear: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
"""``activation(x @ w.t() + bias)``, rounded once, as torch's compiler emits it for a linear; it
takes packed weights. None in builds without oneDNN."""

_pack: Any = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)

_kept_bytes = 0


class Kept:
    """One copy, counted as long as it lives.

    Attributes:
        value: [..., K, N] float32; or, packed, [N, K] bfloat16 for `fused_linear`.
        packed: which of them.
        transposed: whether the original is [N, K].
        version: torch's counter of writes to the original when the copy was made.
    """

    __slots__ = ("_nbytes", "packed", "transposed", "value", "version")

    def __init__(self, original: torch.Tensor, *, transposed: bool) -> None:
        global _kept_bytes
        self.packed = _packs(original)
        self.transposed = transposed
        self.version = original._version
        if self.packed:
            self.value: torch.Tensor = _pack(original if transposed else original.t())
        else:
            self.value = original.to(torch.float32)
            if transposed:
                self.value = self.value.transpose(-1, -2)
        self._nbytes = original.numel() * (2 if self.packed else 4)
        _kept_bytes += self._nbytes

    def __del__(self) -> None:
        global _kept_bytes
        _kept_bytes -= getattr(self, "_nbytes", 0)


def _packs(original: torch.Tensor) -> bool:
    return original.dim() == 2 and bf16_matmul_is_fast() and fused_linear is not None


def may_keep(original: torch.Tensor) -> bool:
    """Whether a copy of ``original`` pays and fits."""
    count = original.numel()
    if count < SMALLEST or original.dtype is not torch.bfloat16 or original.is_inference():
        return False
    if bf16_matmul_is_fast() and not _packs(original):
        return False  # it is multiplied as it is
    return _kept_bytes + 4 * count <= LIMIT_BYTES


def kept_bytes() -> int:
    """Bytes of all copies now."""
    return _kept_bytes
