"""Walking what a forward takes and returns: tensors in tuples, lists, dicts and records."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply ``function`` to every leaf of ``value``, keeping its structure.

    Containers are tuples (also named ones), lists, mutable mappings (a Hugging Face
    ``ModelOutput`` is one) and dataclass instances. A container that ``function`` changes nothing
    in is returned as it is, so identity is kept where it can be.
    """
    if isinstance(value, (tuple, list)):
        mapped = [map_leaves(function, item) for item in value]
        if all(new is old for new, old in zip(mapped, value, strict=True)):
            return value
        if isinstance(value, list):
            return mapped
        return type(value)(*mapped) if hasattr(value, "_fields") else tuple(mapped)
    if isinstance(value, MutableMapping):
        changed = {k: new for k, v in value.items() if (new := map_leaves(function, v)) is not v}
        if not changed:
            return value
        result = copy.copy(value)
        for key, new in changed.items():
            result[key] = new
        return result
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        changed = {k: new for k, v in fields.items() if (new := map_leaves(function, v)) is not v}
        return dataclasses.replace(value, **changed) if changed else value
    return function(value)


def leaves(value: Any) -> Iterator[Any]:
    """Every leaf of ``value``, in order."""
    found: list[Any] = []

    def collect(leaf: Any) -> Any:
        found.append(leaf)
        return leaf

    map_leaves(collect, value)
    return iter(found)
