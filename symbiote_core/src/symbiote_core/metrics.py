"""How close two tensors are. Correlation ignores scale, so use it with the relative RMS error."""

from __future__ import annotations

import torch


def _flat(expected: torch.Tensor, actual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if expected.numel() != actual.numel():
        raise ValueError(
            f"Tensors of shapes {list(expected.shape)} and {list(actual.shape)} can't be compared. "
            "Give two of the same number of elements."
        )
    return expected.detach().double().flatten(), actual.detach().double().flatten()


def pcc(expected: torch.Tensor, actual: torch.Tensor) -> float:
    """Pearson's correlation coefficient of two tensors of the same number of elements.

    It is 1.0 for two tensors that are equal, also where they are constant, and 0.0 where only one
    of them is constant or where one holds NaN and the other does not.
    """
    a, b = _flat(expected, actual)
    if torch.equal(a, b):
        return 1.0
    a, b = a - a.mean(), b - b.mean()
    scale = float(a.norm() * b.norm())
    if not scale > 0.0:
        return 0.0
    return float(a @ b) / scale


def relative_rms(expected: torch.Tensor, actual: torch.Tensor) -> float:
    """RMS of the difference over RMS of ``expected``; inf if only ``expected`` is zero."""
    a, b = _flat(expected, actual)
    error, norm = float((a - b).norm()), float(a.norm())
    if error == 0.0:
        return 0.0
    return error / norm if norm else float("inf")


def gain(expected: torch.Tensor, actual: torch.Tensor) -> float:
    """The factor that fits ``actual`` to ``expected`` best: 1.0 where the scale is kept."""
    a, b = _flat(expected, actual)
    power = float(a @ a)
    return float(a @ b) / power if power else 1.0
