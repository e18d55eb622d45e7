"""Examples of torch's own modules, and of modules that need no arguments to be made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
from torch import nn

from symbiote_conformance.kit.inputs import Takes, takes

ROWS = 50
"""Rows of the table of an embedding."""


@attrs.frozen
class Example:
    """A torch module and what it takes.

    Attributes:
        label: tells it from other examples of its class.
        build: makes it.
        inputs: see `symbiote_conformance.kit.subjects.Subject`.
    """

    label: str
    build: Callable[[], nn.Module]
    inputs: Sequence[Any]


def _tokens(width: int | str) -> list[Takes]:
    return [takes("B", "S", width)]


def _images(*size: int) -> list[Takes]:
    return [takes("B", *size)]


TORCH: Final[Mapping[type[nn.Module], Sequence[Example]]] = {
    nn.Linear: (
        Example("", lambda: nn.Linear(64, 96), _tokens(64)),
        Example("unaligned", lambda: nn.Linear(40, 72, bias=False), _tokens(40)),
        Example("flat", lambda: nn.Linear(64, 32), [takes("B", 64)]),
    ),
    nn.LayerNorm: (
        Example("", lambda: nn.LayerNorm(64), _tokens(64)),
        Example("unaligned", lambda: nn.LayerNorm(72, eps=1e-3, bias=False), _tokens(72)),
        Example("plain", lambda: nn.LayerNorm(64, elementwise_affine=False), _tokens(64)),
    ),
    nn.RMSNorm: (
        Example("", lambda: nn.RMSNorm(64, eps=1e-6), _tokens(64)),
        Example("unaligned", lambda: nn.RMSNorm(72, eps=1e-3), _tokens(72)),
    ),
    nn.GroupNorm: (Example("", lambda: nn.GroupNorm(4, 64), _images(64, 8, 8)),),
    nn.BatchNorm2d: (Example("", lambda: nn.BatchNorm2d(64), _images(64, 8, 8)),),
    nn.Embedding: (
        Example("", lambda: nn.Embedding(ROWS, 64), [takes("B", "S", below=ROWS)]),
        Example("flat", lambda: nn.Embedding(ROWS, 72), [takes("B", below=ROWS)]),
    ),
    nn.GELU: (
        Example("", nn.GELU, _tokens("W")),
        Example("tanh", lambda: nn.GELU(approximate="tanh"), _tokens("W")),
    ),
    nn.Softmax: (Example("", lambda: nn.Softmax(-1), _tokens("W")),),
    nn.Conv1d: (
        Example("", lambda: nn.Conv1d(32, 64, 3, padding=1), [takes("B", 32, "S")]),
        Example("strided", lambda: nn.Conv1d(32, 64, 4, 4), [takes("B", 32, 64)]),
    ),
    nn.Conv2d: (
        Example("", lambda: nn.Conv2d(32, 64, 3, padding=1), _images(32, 8, 8)),
        Example("patches", lambda: nn.Conv2d(3, 64, 8, 8), _images(3, 32, 32)),
    ),
}
"""Examples of torch's classes: with and without biases, on the grid of 32 and off it."""


def examples_of(cls: type[nn.Module]) -> Sequence[Example]:
    """Examples of a class: from `TORCH`, or, of what needs no arguments, one.

    What needs no arguments is taken for an activation, which takes any shape.
    """
    if cls in TORCH:
        return TORCH[cls]
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if any(p.default is p.empty and p.kind not in variadic for p in parameters):
        return ()
    try:
        made = cls()
    except Exception:  # whatever a class that was not made for this raises
        return ()
    # Of something with parameters or children it is not known what it takes.
    if any(True for _ in made.parameters()) or any(True for _ in made.children()):
        return ()
    return (Example("", cls, _tokens("W")),)
