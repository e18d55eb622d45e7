"""Descriptions of arguments, as `symbiote_conformance.build` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Described = dict[str, Any]
"""A described argument: a JSON object with a key ``"$"``."""


def tensor(
    shape: Sequence[int],
    dtype: str = "bfloat16",
    layout: str = "tile",
    memory: str | dict[str, Any] = "dram",
    **more: Any,
) -> Described:
    """A tensor of this shape, dtype (such as ``bfloat8_b``), layout (``tile``, ``rm``), memory."""
    return {"$": "T", "s": list(shape), "d": dtype, "l": layout, "m": memory, **more}


def dtype(name: str) -> Described:
    """A dtype of TTNN."""
    return {"$": "dt", "v": name}


def layout(name: str) -> Described:
    """``tile`` or ``rm``."""
    return {"$": "ly", "v": name}


def memory_config(memory: str | dict[str, Any]) -> Described:
    """``dram``, ``l1``, ``l1_hs`` … or shards."""
    return {"$": "mc", "v": memory}


def unary(name: str, *parameters: float) -> Described:
    """A fused activation with its parameters."""
    return {"$": "uop", "v": name, "p": list(parameters)}


def unary_type(name: str) -> Described:
    """A fused activation by its type alone."""
    return {"$": "uope", "v": name}


def named(path: str) -> Described:
    """Any name under ``ttnn``, such as ``GeluVariant.Tanh``."""
    return {"$": "enum", "v": path}


def compute_config(**fields: Any) -> Described:
    """``init_device_compute_kernel_config``; ``math_fidelity`` by name."""
    return {"$": "ckc", "v": fields}


def core_grid(value: Sequence[int] | str = "full") -> Described:
    """Cores as [y, x], or all of the device."""
    return {"$": "cg", "v": value if isinstance(value, str) else list(value)}


def device() -> Described:
    """The device of the run."""
    return {"$": "dev"}


def torch_tensor(shape: Sequence[int], dtype: str = "float32", **more: Any) -> Described:
    """A tensor of torch."""
    return {"$": "torch", "s": list(shape), "d": dtype, **more}


def torch_dtype(name: str) -> Described:
    """A dtype of torch."""
    return {"$": "tdt", "v": name}


def tuple_of(values: Sequence[Any]) -> Described:
    """A tuple; JSON has lists only."""
    return {"$": "tup", "v": list(values)}


def slice_of(start: int | None, stop: int | None, step: int | None = None) -> Described:
    """A slice."""
    return {"$": "sl", "v": [start, stop, step]}


def ellipsis() -> Described:
    """``...``."""
    return {"$": "ell"}
