"""What a torch module takes, and the hypothesis strategies of calls that come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from symbiote_conformance.kit.calls import KINDS, TorchCall, Values

BATCH: Final = "B"
"""The name of the dimension that holds the rows of a batch."""

MOST_ROWS: Final = 3
"""The largest batch."""

lengths: Final = st.sampled_from((1, 2, 31, 32, 33, 64)) | st.integers(1, 70)
"""Sizes on the grid of TTNN's tiles of 32, off it, and beyond one tile; the smallest first."""

seeds: Final = st.integers(0, 2**16)
"""Seeds of values."""

kinds: Final = st.sampled_from(tuple(KINDS))
"""Kinds of values; normal ones first."""


@attrs.frozen
class Takes:
    """A tensor that a module takes; see `takes`.

    Attributes:
        dims: sizes, or names of sizes that are drawn anew for each call.
        below: for ids, how many there are; None for floating-point values.
        kinds: the kinds of floating-point values, of `KINDS`.
    """

    dims: tuple[int | str, ...]
    below: int | None = None
    kinds: tuple[str, ...] = tuple(KINDS)

    def described(self, sizes: Mapping[str, int], kind: str, seed: int) -> Values:
        """The tensor of one call, of these sizes."""
        shape = tuple(dim if isinstance(dim, int) else sizes[dim] for dim in self.dims)
        batched = self.dims[:1] == (BATCH,)
        if self.below is not None:
            return Values(shape, "int64", seed=seed, below=self.below, batched=batched)
        chosen = kind if kind in self.kinds else self.kinds[0]
        return Values(shape, kind=chosen, seed=seed, batched=batched)


def takes(*dims: int | str, below: int | None = None, kinds: Sequence[str] = tuple(KINDS)) -> Takes:
    """A tensor that a module takes.

    Args:
        *dims: sizes. A name stands for a size that is drawn anew for each call, the same wherever
            it stands: ``"B"`` for the batch, which is the first dimension, and any other name for
            sizes from 1 to 70, on the grid of 32 and off it.
        below: the tensor holds ids from 0 to below this; without it, floating-point values.
        kinds: the kinds of floating-point values that the module is for, of ``normal``, ``zeros``,
            ``negative`` and ``large``.

    Example::

        takes("B", "S", 64)            # [batch, length, 64]
        takes("B", "S", below=1000)    # ids [batch, length]

    Raises:
        ValueError: for an unknown kind.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise ValueError(f"There are no kinds of values {unknown}. Kinds are: {', '.join(KINDS)}.")
    return Takes(dims, below, tuple(kinds))


@st.composite
def calls_of(
    draw: st.DrawFn, args: Sequence[Any], kwargs: Mapping[str, Any], sizes: Mapping[str, Any]
) -> TorchCall:
    """Calls with these arguments; the smallest batch, the smallest sizes and normal values first.

    Args:
        draw: hypothesis's.
        args: positional arguments; tensors are `Takes`, also in tuples and lists.
        kwargs: keyword arguments, likewise.
        sizes: strategies of named sizes, in the place of `lengths`.
    """
    every = _all_takes((args, kwargs))
    names = sorted({d for t in every for d in t.dims if isinstance(d, str)})
    drawn = {}
    for name in names:
        default = st.integers(1, MOST_ROWS) if name == BATCH else lengths
        drawn[name] = draw(sizes.get(name, default))
    kind, seed = draw(kinds), draw(seeds)
    counted = iter(range(seed, seed + len(every)))

    def made(value: Any) -> Any:
        if isinstance(value, Takes):
            return value.described(drawn, kind, next(counted))
        if isinstance(value, (tuple, list)):
            return type(value)(made(item) for item in value)
        return value

    return TorchCall(
        tuple(made(arg) for arg in args),
        {key: made(value) for key, value in kwargs.items()},
        drawn.get(BATCH, 0),
    )


def _all_takes(value: Any) -> list[Takes]:
    if isinstance(value, Takes):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [found for item in value for found in _all_takes(item)]
    return []
