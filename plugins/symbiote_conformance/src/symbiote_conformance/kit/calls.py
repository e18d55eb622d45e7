"""Calls of a torch module as descriptions: shapes, dtypes, and the seeds of values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import torch

from symbiote_core.structure import map_leaves

KINDS: Final[Mapping[str, str]] = {
    "normal": "normal values",
    "zeros": "zeros",
    "negative": "negative values",
    "large": "values of 4 sigma",
}
"""The kinds of floating-point values, and how they are told."""


@attrs.frozen
class Values:
    """One tensor of a call, described.

    Attributes:
        shape: its shape.
        dtype: ``float32``, ``int64`` or ``bool``.
        kind: one of `KINDS`; of no meaning for integers and booleans.
        seed: of its values. Floating-point ones are exact in bfloat16.
        below: integers are from 0 to below this.
        batched: whether its first dimension is the batch.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    kind: str = "normal"
    seed: int = 0
    below: int = 2
    batched: bool = True

    def tensor(self) -> torch.Tensor:
        """The tensor; the same every time."""
        generator = torch.Generator().manual_seed(self.seed)
        if self.dtype != "float32":
            values = torch.randint(self.below, self.shape, generator=generator)
            return values.to(getattr(torch, self.dtype))
        values = torch.randn(self.shape, generator=generator)
        if self.kind == "zeros":
            values = torch.zeros(self.shape)
        elif self.kind == "negative":
            values = -values.abs()
        elif self.kind == "large":
            values = 4.0 * values
        return values.bfloat16().float()

    def __str__(self) -> str:
        if self.dtype == "float32":
            what = KINDS[self.kind]
        else:
            what = f"ids below {self.below}" if self.dtype != "bool" else "booleans"
        seed = "" if self.dtype == "float32" and self.kind == "zeros" else f", seed {self.seed}"
        return f"{list(self.shape)} {self.dtype} {what}{seed}"


@attrs.frozen(eq=False)
class Given:
    """One tensor of a call, as it was given or recorded.

    Attributes:
        value: the tensor.
        batched: whether its first dimension is the batch.
    """

    value: torch.Tensor
    batched: bool = False

    def tensor(self) -> torch.Tensor:
        """A copy, which the module may write to."""
        return self.value.clone()

    def __str__(self) -> str:
        dtype = str(self.value.dtype).removeprefix("torch.")
        return f"{list(self.value.shape)} {dtype} as recorded"


@attrs.frozen(eq=False)
class TorchCall:
    """A call of a torch module.

    Attributes:
        args: positional arguments; tensors are `Values` or `Given`, also in tuples, lists and
            dictionaries.
        kwargs: keyword arguments, likewise.
        batch: the size of the batch, or 0 if the call has none.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = attrs.Factory(dict)
    batch: int = 0

    def _made(self, make: Callable[[Any], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        def leaf(value: Any) -> Any:
            return make(value) if isinstance(value, (Values, Given)) else value

        args, kwargs = map_leaves(leaf, (self.args, dict(self.kwargs)))
        return args, kwargs

    def tensors(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments to call a module with, fresh ones each time."""
        return self._made(lambda described: described.tensor())

    def row(self, index: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments to call a module with one row of the batch alone."""

        def one(described: Values | Given) -> torch.Tensor:
            tensor = described.tensor()
            return tensor[index : index + 1].clone() if described.batched else tensor

        return self._made(one)

    def __repr__(self) -> str:
        named = [f"{key}={_shown(value)}" for key, value in self.kwargs.items()]
        return f"({', '.join([*map(_shown, self.args), *named])})"

    def size(self) -> int:
        """The number of values in it."""
        count = 0

        def add(described: Values | Given) -> Any:
            nonlocal count
            shape = described.shape if isinstance(described, Values) else described.value.shape
            count += math.prod(shape)
            return None

        self._made(add)
        return count


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(_shown, value))
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, torch.Tensor):
        return f"a tensor {list(value.shape)}"
    return str(value)
