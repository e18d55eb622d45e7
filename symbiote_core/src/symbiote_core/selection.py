"""Selecting modules by path: exact names, globs and ``re:`` patterns.

A pattern that matches a module covers what is below it too, as a folder covers its files.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Sequence

import attrs

from symbiote_core.errors import SelectionError


def _compile(pattern: str, argument: str) -> re.Pattern[str] | None:
    """The regular expression of a pattern, or None for an exact path."""
    if pattern.startswith("re:"):
        try:
            return re.compile(pattern[3:])
        except re.error as error:
            raise SelectionError(pattern, argument, invalid=str(error)) from error
    if any(char in pattern for char in "*?["):
        return re.compile(fnmatch.translate(pattern))
    return None


@attrs.frozen
class Selection:
    """Patterns over module paths.

    Attributes:
        patterns: as the user gave them. ``re:`` patterns must match the whole path.
        argument: the name of the argument they came in, for messages.
    """

    patterns: tuple[str, ...]
    argument: str
    _exact: frozenset[str] = attrs.field(init=False, repr=False)
    _regexes: tuple[tuple[str, re.Pattern[str]], ...] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        compiled = [(pattern, _compile(pattern, self.argument)) for pattern in self.patterns]
        exact = frozenset(pattern for pattern, regex in compiled if regex is None)
        regexes = tuple((pattern, regex) for pattern, regex in compiled if regex is not None)
        object.__setattr__(self, "_exact", exact)
        object.__setattr__(self, "_regexes", regexes)

    @classmethod
    def of(cls, patterns: str | Iterable[str], argument: str) -> Selection:
        """A selection from one pattern or several."""
        one = (patterns,) if isinstance(patterns, str) else tuple(patterns)
        for pattern in one:
            if not isinstance(pattern, str):
                raise TypeError(
                    f"{argument} takes module paths or patterns as str, got {pattern!r} of type "
                    f"{type(pattern).__name__}."
                )
        return cls(one, argument)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def match(self, path: str) -> str | None:
        """The first pattern that matches this very path, or None."""
        if path in self._exact:
            return path
        for pattern, regex in self._regexes:
            if regex.fullmatch(path):
                return pattern
        return None

    def require_all_used(self, paths: Sequence[str]) -> None:
        """Raise SelectionError for the first pattern that matches none of ``paths``."""
        known = set(paths)
        for pattern in self.patterns:
            regex = dict(self._regexes).get(pattern)
            hit = pattern in known if regex is None else any(map(regex.fullmatch, paths))
            if not hit:
                close = difflib.get_close_matches(pattern.removeprefix("re:"), paths, n=3)
                raise SelectionError(pattern, self.argument, close, len(paths))
