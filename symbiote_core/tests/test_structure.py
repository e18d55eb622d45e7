from __future__ import annotations

from collections import OrderedDict
from typing import Any

import core_strategies as some
from hypothesis import given

from symbiote_core.structure import leaves, map_leaves


class Wrapped:
    """A leaf of another type."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _shape(value: Any) -> Any:
    """The structure of a value, with every leaf left out."""
    if isinstance(value, some.Box):
        return some.Box, _shape(value.value)
    if isinstance(value, (list, tuple)):
        return type(value), [_shape(item) for item in value]
    if isinstance(value, dict):
        return dict, {key: _shape(item) for key, item in value.items()}
    return "leaf"


@given(some.nested)
def test_the_structure_is_kept_and_every_leaf_is_mapped(value: Any) -> None:
    wrapped = map_leaves(Wrapped, value)
    assert _shape(wrapped) == _shape(value)
    assert [leaf.value for leaf in leaves(wrapped)] == list(leaves(value))


@given(some.nested)
def test_what_is_not_changed_is_the_same_object(value: Any) -> None:
    assert map_leaves(lambda leaf: leaf, value) is value


@given(some.nested)
def test_the_value_given_is_not_changed(value: Any) -> None:
    before = repr(value)
    map_leaves(Wrapped, value)
    assert repr(value) == before


def test_only_the_way_to_a_change_is_copied() -> None:
    kept, touched = [1, 2], [3]
    result = map_leaves(lambda leaf: leaf + 1 if leaf == 3 else leaf, (kept, touched))
    assert result == ([1, 2], [4])
    assert result[0] is kept


def test_a_subclass_of_a_mapping_stays_one() -> None:
    class Output(OrderedDict[str, Any]):
        pass

    mapped = map_leaves(lambda leaf: leaf * 2, Output(logits=2, states=(1, 3)))
    assert type(mapped) is Output
    assert mapped == {"logits": 4, "states": (2, 6)}


def test_named_tuples_and_records_stay_what_they_are() -> None:
    mapped = map_leaves(lambda leaf: leaf + 1, some.Pair(1, some.Box([2])))
    assert mapped == some.Pair(2, some.Box([3]))
    assert type(mapped) is some.Pair


def test_leaves_come_in_order() -> None:
    assert list(leaves({"a": [1, (2, 3)], "b": some.Box(4)})) == [1, 2, 3, 4]
