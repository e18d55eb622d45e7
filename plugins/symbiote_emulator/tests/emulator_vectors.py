"""The recorded bit patterns, and how they are compared."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

FOLDER = Path(__file__).parents[3] / "tests" / "data"


@functools.cache
def vectors(name: str = "numerics") -> Any:
    """The arrays of ``numerics.npz`` or ``sim.npz``."""
    return np.load(FOLDER / "vectors" / f"{name}.npz")


@functools.cache
def described() -> dict[str, Any]:
    """What ``numerics.json`` says of the cases."""
    text = (FOLDER / "vectors" / "numerics.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def floats(bits: np.ndarray[Any, Any]) -> torch.Tensor:
    """uint32 bit patterns as float32; uint16 ones as bfloat16."""
    if bits.dtype == np.uint16:
        return torch.from_numpy(bits.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(bits.view(np.float32).copy())


def mismatches(expected: torch.Tensor, actual: torch.Tensor) -> int:
    """How many values differ in their bits; every NaN is the same."""
    a, b = expected.to(torch.float32), actual.to(torch.float32)
    same = (a.view(torch.int32) == b.view(torch.int32)) | (a.isnan() & b.isnan())
    return int((~same).sum())
