"""Shapes and tiles."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any, Final

TILE_SIZE: Final = 32
"""Height and width of a tile, in elements."""


class Shape(Sequence[int]):
    """An immutable tensor shape; equal to a list or tuple with the same sizes.

    Slices are refused, as TTNN refuses them: use ``list(shape)[a:b]``.
    """

    __slots__ = ("_dims",)

    def __init__(self, shape: Sequence[int] = ()) -> None:
        self._dims = tuple(operator.index(d) for d in shape)

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self._dims)

    def to_rank(self, rank: int) -> Shape:
        """The same shape with ones added or removed in front.

        Raises:
            RuntimeError: a removed dimension is not one.
        """
        drop = len(self._dims) - rank
        if drop <= 0:
            return Shape((1,) * -drop + self._dims)
        if any(d != 1 for d in self._dims[:drop]):
            raise RuntimeError(
                f"Can't convert {self} to rank {rank}: a dimension that would be dropped is not 1."
            )
        return Shape(self._dims[drop:])

    def __len__(self) -> int:
        return len(self._dims)

    def __iter__(self) -> Iterator[int]:
        return iter(self._dims)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise TypeError(
                "Shape.__getitem__(): a slice is not accepted by TTNN. Use list(shape)[a:b]."
            )
        return self._dims[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Shape):
            return self._dims == other._dims
        if isinstance(other, (list, tuple)):
            return self._dims == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._dims)

    def __repr__(self) -> str:
        return f"Shape({list(self._dims)})"


class Tile:
    """The tile of a tensor; only 32 x 32 is emulated.

    Args:
        tile_shape: ``(height, width)``.

    Raises:
        RuntimeError: another tile size.
    """

    __slots__ = ("tile_shape",)

    def __init__(self, tile_shape: Sequence[int] = (TILE_SIZE, TILE_SIZE)) -> None:
        if tuple(tile_shape) != (TILE_SIZE, TILE_SIZE):
            raise RuntimeError(
                f"The emulator has tiles of 32 x 32 only, not {tuple(tile_shape)}. "
                "Use ttnn.Tile((32, 32)) or leave the argument out."
            )
        self.tile_shape = [TILE_SIZE, TILE_SIZE]

    def __repr__(self) -> str:
        return f"Tile with shape: {self.tile_shape}"
