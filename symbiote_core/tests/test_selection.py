from __future__ import annotations

import fnmatch
import re

import core_strategies as some
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbiote_core import SelectionError
from symbiote_core.selection import Selection

PATHS = ["encoder", "encoder.layer", "encoder.layer.0", "encoder.layer.1", "head"]


def test_an_exact_path_matches_itself_only() -> None:
    selection = Selection.of("encoder.layer", "include")
    assert [p for p in PATHS if selection.match(p)] == ["encoder.layer"]


def test_a_glob_matches_also_across_dots() -> None:
    selection = Selection.of("encoder*", "include")
    assert [p for p in PATHS if selection.match(p)] == PATHS[:4]


def test_a_regular_expression_matches_the_whole_path() -> None:
    selection = Selection.of(r"re:encoder\.layer\.\d", "include")
    assert [p for p in PATHS if selection.match(p)] == PATHS[2:4]
    assert Selection.of("re:layer", "include").match("encoder.layer") is None


def test_it_tells_which_pattern_matched() -> None:
    selection = Selection.of(["head", "encoder.*"], "exclude")
    assert selection.match("encoder.layer.1") == "encoder.*"
    assert selection.match("head") == "head"


def test_no_patterns_are_falsy() -> None:
    assert not Selection.of((), "include")
    assert Selection.of("head", "include")


@given(some.globs, some.paths)
def test_globs_are_those_of_fnmatch(pattern: str, path: str) -> None:
    got = Selection.of(pattern, "include").match(path) is not None
    assert got == fnmatch.fnmatchcase(path, pattern)


@given(some.regexes, some.paths)
def test_regular_expressions_are_those_of_re(pattern: str, path: str) -> None:
    got = Selection.of(f"re:{pattern}", "include").match(path) is not None
    assert got == (re.fullmatch(pattern, path) is not None)


@given(st.lists(some.globs, min_size=1, max_size=3), st.lists(some.paths, min_size=1, max_size=4))
def test_an_unused_pattern_is_an_error_and_only_that(patterns: list[str], paths: list[str]) -> None:
    selection = Selection.of(patterns, "include")
    unused = [p for p in patterns if not any(fnmatch.fnmatchcase(path, p) for path in paths)]
    if not unused:
        selection.require_all_used(paths)
        return
    with pytest.raises(SelectionError) as caught:
        selection.require_all_used(paths)
    assert caught.value.pattern == unused[0]


def test_the_error_suggests_what_is_close_and_says_what_to_write() -> None:
    with pytest.raises(SelectionError) as caught:
        Selection.of("encoder.layers.0", "exclude").require_all_used(PATHS)
    assert caught.value.suggestions[0] == "encoder.layer.0"
    assert caught.value.argument == "exclude"
    assert str(caught.value).startswith(
        "exclude='encoder.layers.0' matches none of the model's 5 modules. "
        "Close to it: 'encoder.layer.0', "
    )
    assert str(caught.value).endswith(
        "Use an exact path, a glob such as '*.attention', or 're:' and a regular expression; "
        "list the paths with `[n for n, _ in model.named_modules()]`."
    )


def test_nothing_close_is_nothing_suggested() -> None:
    with pytest.raises(SelectionError, match=r"none of the model's 5 modules\. Use an exact path"):
        Selection.of("zzz", "include").require_all_used(PATHS)


def test_a_pattern_that_is_no_string() -> None:
    with pytest.raises(
        TypeError, match=r"exclude takes module paths or patterns as str, got 3 of type int\."
    ):
        Selection.of(["head", 3], "exclude")  # type: ignore[list-item]


def test_a_regular_expression_that_does_not_compile() -> None:
    with pytest.raises(SelectionError) as caught:
        Selection.of("re:(", "include")
    assert str(caught.value) == (
        "include='re:(' is no regular expression: missing ), unterminated subpattern at position "
        "0. Mend what stands after 're:', or use a glob such as '*.attention'."
    )
