"""Hypothesis strategies for calls of TTNN's operations, and for the parts of such calls."""

from __future__ import annotations

from symbiote_conformance.strategies import describe
from symbiote_conformance.strategies.basic import (
    broadcasts,
    counts,
    dims,
    dtypes,
    float_dtypes,
    integer_dtypes,
    keywords,
    layouts,
    memory_configs,
    places,
    shapes,
    shards,
    sizes,
    tensors,
    weighted,
)
from symbiote_conformance.strategies.operations import PLAUSIBLE, calls, plausible_calls
from symbiote_conformance.strategies.wrong import described_tensors, sometimes_wrong, wrong

__all__ = [
    "PLAUSIBLE",
    "broadcasts",
    "calls",
    "counts",
    "describe",
    "described_tensors",
    "dims",
    "dtypes",
    "float_dtypes",
    "integer_dtypes",
    "keywords",
    "layouts",
    "memory_configs",
    "places",
    "plausible_calls",
    "shapes",
    "shards",
    "sizes",
    "sometimes_wrong",
    "tensors",
    "weighted",
    "wrong",
]
