"""Vectors of length one."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_ttnn import TTNNKernel, tile, ttnn

ROOM = 1e-6
"""What torch's class head adds to a length that it divides by."""


class TTNNUnitLength(TTNNKernel):
    """``x / |x|`` over the last dimension, [..., D]: one operation, TTNN's RMS norm.

    It divides by ``sqrt(mean(x²) + epsilon)``; the weight makes up for the mean, and the epsilon
    keeps a vector of zeros what it is.
    """

    width = 0

    @classmethod
    def of_width(cls, width: int) -> TTNNUnitLength:
        """Build it for vectors of ``width`` numbers."""
        module = cls()
        module.width = width
        return module

    def preprocess_weights_impl(self) -> None:
        """Make the weight, [D]."""
        self.tt_weight = tile(torch.full((self.width,), self.width**-0.5))

    def launch_arguments(self) -> dict[str, Any]:
        """The epsilon."""
        return super().launch_arguments() | {"epsilon": ROOM**2 / self.width}

    def forward(self, vectors: Any) -> Any:
        """Divide vectors [..., D] by their lengths."""
        return ttnn.rms_norm(vectors, weight=self.tt_weight, **self.launch)
