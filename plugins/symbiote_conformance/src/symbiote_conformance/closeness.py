"""How close a whole kernel or model is to torch: correlation, relative RMS error and gain.

`symbiote_conformance.tolerances` bounds one operation, value by value. A kernel rounds several
times between its input and its output, so its outputs are judged as wholes here, and by three
numbers: correlation ignores scale, which the gain shows; a relative RMS error shows both, and what
is neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
import torch

from symbiote_core import gain, pcc, relative_rms

FEW: Final = 16
"""Of fewer values correlation and gain say little; the relative RMS error alone counts then."""


@attrs.frozen
class Closeness:
    """Bounds of what was measured.

    Attributes:
        pcc: the lowest correlation.
        relative_rms: the largest RMS of the difference, in RMS of the golden.
        gain: how far the factor that fits the values to the golden may be from 1.
    """

    pcc: float
    relative_rms: float
    gain: float

    def __str__(self) -> str:
        return (
            f"PCC >= {self.pcc:g}, relative RMS <= {self.relative_rms:g}, gain 1 +- {self.gain:g}"
        )


@attrs.frozen
class Measured:
    """What two tensors have in common.

    Attributes:
        pcc: correlation, or None where it says nothing: few values, or all the same.
        relative_rms: RMS of the difference over RMS of the golden.
        gain: the factor that fits the values to the golden, or None likewise.
    """

    pcc: float | None
    relative_rms: float
    gain: float | None

    def within(self, bound: Closeness) -> bool:
        """Whether all three are within a bound; false for NaN."""
        return (
            self.relative_rms <= bound.relative_rms
            and (self.pcc is None or self.pcc >= bound.pcc)
            and (self.gain is None or abs(self.gain - 1.0) <= bound.gain)
        )

    def __str__(self) -> str:
        pcc_text = "no PCC" if self.pcc is None else f"PCC {self.pcc:.6f}"
        gain_text = "no gain" if self.gain is None else f"gain {self.gain:.4f}"
        return f"{pcc_text}, relative RMS {self.relative_rms:.3g}, {gain_text}"


def measure(golden: torch.Tensor, actual: torch.Tensor) -> Measured:
    """Measure ``actual`` by ``golden``, two tensors of one shape.

    Equal infinities and NaNs in the same places count as equal; in different places nothing is
    close.
    """
    wanted, got = golden.detach().double(), actual.detach().double()
    finite = wanted.isfinite()
    if not torch.equal(finite, got.isfinite()):
        return Measured(None, float("inf"), None)
    rest = ~finite
    if not torch.equal(wanted[rest].nan_to_num(), got[rest].nan_to_num()):
        return Measured(None, float("inf"), None)
    wanted, got = wanted[finite], got[finite]
    error = relative_rms(wanted, got)
    spread = float((wanted - wanted.mean()).norm()) if wanted.numel() else 0.0
    if wanted.numel() < FEW or spread <= 1e-3 * float(wanted.norm()):
        return Measured(None, error, None)
    return Measured(pcc(wanted, got), error, gain(wanted, got))


KERNEL: Final[Mapping[str, Closeness]] = {
    "float32": Closeness(0.9999, 0.01, 0.005),
    "bfloat16": Closeness(0.9995, 0.02, 0.01),
    "bfloat8_b": Closeness(0.999, 0.03, 0.01),
    "bfloat4_b": Closeness(0.97, 0.25, 0.05),
}
"""Bounds of one kernel by the dtype of its weights; that of activations is bfloat16."""

MODEL: Final[Mapping[str, Closeness]] = {
    "float32": Closeness(0.999, 0.03, 0.02),
    "bfloat16": Closeness(0.999, 0.03, 0.02),
    "bfloat8_b": Closeness(0.99, 0.1, 0.03),
    "bfloat4_b": Closeness(0.9, 0.45, 0.1),
}
"""Bounds of a whole model, in which errors add up; TTNN's own tests of a ViT ask for 0.999."""

REPEATED: Final = Closeness(0.99999, 0.005, 0.002)
"""Bounds of one answer computed twice, in another batch: only the order of sums differs."""
