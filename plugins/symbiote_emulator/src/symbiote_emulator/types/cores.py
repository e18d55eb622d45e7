"""Cores, core ranges and core grids."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen(repr=False, order=True)
class CoreCoord:
    """Logical coordinates of one core: column ``x``, row ``y``."""

    x: int
    y: int

    def __repr__(self) -> str:
        return f"{self.x}-{self.y}"


@attrs.frozen(repr=False)
class CoreRange:
    """The rectangle of cores from ``start`` to ``end``, both included."""

    start: CoreCoord
    end: CoreCoord

    def num_cores(self) -> int:
        """The number of cores in the rectangle."""
        return (self.end.x - self.start.x + 1) * (self.end.y - self.start.y + 1)

    def grid_size(self) -> CoreCoord:
        """Columns and rows of the rectangle."""
        return CoreCoord(self.end.x - self.start.x + 1, self.end.y - self.start.y + 1)

    def __repr__(self) -> str:
        return f"[{self.start} - {self.end}]"


class CoreRangeSet:
    """A set of disjoint core rectangles.

    Args:
        core_ranges: a sequence or set of :class:`CoreRange`.
    """

    __slots__ = ("_ranges",)

    def __init__(self, core_ranges: Iterable[CoreRange]) -> None:
        self._ranges = tuple(sorted(core_ranges, key=lambda r: (r.start.y, r.start.x)))

    def ranges(self) -> list[CoreRange]:
        """The rectangles, top to bottom."""
        return list(self._ranges)

    def num_cores(self) -> int:
        """The number of cores in all rectangles."""
        return sum(r.num_cores() for r in self._ranges)

    def bounding_box(self) -> CoreRange:
        """The smallest rectangle that holds all cores."""
        return CoreRange(
            CoreCoord(min(r.start.x for r in self._ranges), min(r.start.y for r in self._ranges)),
            CoreCoord(max(r.end.x for r in self._ranges), max(r.end.y for r in self._ranges)),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CoreRangeSet):
            return NotImplemented
        return self._ranges == other._ranges

    def __hash__(self) -> int:
        return hash(self._ranges)

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self._ranges)) + "}"


@attrs.frozen(kw_only=True, repr=False)
class CoreGrid:
    """The grid of ``x`` columns and ``y`` rows of cores from (0, 0) on."""

    x: int
    y: int

    @property
    def num_cores(self) -> int:
        """The number of cores in the grid."""
        return self.x * self.y

    def __repr__(self) -> str:
        return f"ttnn.CoreGrid(x={self.x}, y={self.y})"
