"""What holds for every hook: called once at loading, typed results, a page and a test of its own.

The rule for names: the hook ``symbiote_x`` has the page ``docs/reference/hooks/symbiote_x.md`` and
the tests ``symbiote_core/tests/hooks/test_symbiote_x.py``.
"""

from __future__ import annotations

import ast
import inspect
import re
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from symbiote_core import (
    AtenHandler,
    KernelSpec,
    PluginError,
    PluginManager,
    Policy,
    RuntimeSpec,
    Settings,
    hookimpl,
    hookspecs,
)
from symbiote_core.plugins.asking import HOOKS

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "reference" / "hooks"
SPECS = {
    name: function
    for name, function in vars(hookspecs).items()
    if name.startswith("symbiote_") and inspect.isfunction(function)
}
KINDS: dict[str, Any] = {hook: kind for hook, _, kind in HOOKS}
SECTIONS = ["Signature", "When it is called", "Errors", "Example"]


def _plugin(hook: str, function: Callable[[], Any]) -> Any:
    """A plugin with one hook."""
    return type("Plugin", (), {"symbiote_api": "1", hook: staticmethod(hookimpl(function))})()


def _nothing() -> list[Any]:
    return []


def _manager() -> PluginManager:
    return PluginManager(Settings(autoload=False))


def _tests_in(source: str, hook: str) -> int:
    """How many of the tests in a module are about a hook, if the module implements it at all."""
    tree = ast.parse(source)
    names = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    return sum(name.startswith("test_") for name in names) if hook in names else 0


def test_there_are_hooks() -> None:
    assert len(SPECS) >= 5
    assert set(SPECS) == set(KINDS)


@pytest.mark.parametrize("hook", SPECS)
def test_it_has_a_test_of_its_own(hook: str) -> None:
    file = Path(__file__).with_name(f"test_{hook}.py")
    assert file.is_file(), f"write {file.relative_to(ROOT)}"
    assert _tests_in(file.read_text(), hook) >= 2


@pytest.mark.parametrize("hook", SPECS)
def test_it_has_a_page(hook: str) -> None:
    page = PAGES / f"{hook}.md"
    assert page.is_file(), f"write {page.relative_to(ROOT)}"
    text = page.read_text()
    assert text.startswith(f"# {hook}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert f"def {hook}{inspect.signature(SPECS[hook])}: ...".replace("'", "") in text
    example = text.partition("## Example")[2]
    assert "@hookimpl" in example
    assert f"def {hook}(self)" in example
    assert "assert " in example


@pytest.mark.parametrize("hook", SPECS)
def test_its_page_tells_every_field_of_its_records(hook: str) -> None:
    kind = KINDS[hook]
    told = re.findall(r"^\| `(\w+)` \|", (PAGES / f"{hook}.md").read_text(), re.MULTILINE)
    if kind is not Callable:
        assert {field.name for field in kind.__attrs_attrs__} <= set(told)


def test_no_page_and_no_test_is_of_a_hook_that_is_gone() -> None:
    assert {page.stem for page in PAGES.glob("symbiote_*.md")} == set(SPECS)
    tests = Path(__file__).parent.glob("test_symbiote_*.py")
    assert {test.stem.removeprefix("test_") for test in tests} == set(SPECS)


def test_the_rule_can_be_broken() -> None:
    assert _tests_in("def test_a(): ...\ndef test_b(): ...", "symbiote_x") == 0
    assert _tests_in("def symbiote_x(): ...\ndef test_a(): ...", "symbiote_x") == 1


@pytest.mark.parametrize("hook", SPECS)
def test_it_is_typed_and_says_what_it_is_for(hook: str) -> None:
    returns = typing.get_type_hints(SPECS[hook])["return"]
    kind = KINDS[hook]
    wanted = Callable[[object], bool] if kind is Callable else kind
    assert typing.get_args(returns) == (wanted,)
    text = inspect.getdoc(SPECS[hook]) or ""
    for part in ("Called once", "Returns:", "Example::", "@hookimpl", f"def {hook}()"):
        assert part in text


@pytest.mark.parametrize("hook", SPECS)
def test_it_is_called_once_when_the_plugin_is_loaded(hook: str) -> None:
    calls: list[str] = []

    def implementation() -> list[Any]:
        calls.append(hook)
        return []

    manager = _manager()
    manager.register(_plugin(hook, implementation), "mine")
    manager.register(_plugin(hook, _nothing), "another")
    assert calls == [hook]


@pytest.mark.parametrize("returned", [None, 3, ["text"], [None]])
@pytest.mark.parametrize("hook", SPECS)
def test_what_is_no_record_is_refused(hook: str, returned: Any) -> None:
    with pytest.raises(PluginError, match=rf"{hook} of plugin 'mine' must return a list of "):
        _manager().register(_plugin(hook, lambda: returned), "mine")


@pytest.mark.parametrize("hook", SPECS)
def test_what_it_raises_is_told_with_the_hook(hook: str) -> None:
    def implementation() -> Any:
        raise ZeroDivisionError("by accident")

    with pytest.raises(PluginError) as caught:
        _manager().register(_plugin(hook, implementation), "mine")
    assert str(caught.value) == (
        f"Plugin 'mine' failed at contribute: ZeroDivisionError: by accident (in its {hook})"
    )


@pytest.mark.parametrize("hook", SPECS)
def test_it_takes_no_arguments(hook: str) -> None:
    with pytest.raises(PluginError, match=f"failed at register: .*'{hook}'"):
        _manager().register(_plugin(hook, lambda model: []), "mine")


def test_the_records_are_public() -> None:
    assert {k for k in KINDS.values() if k is not Callable} == {
        AtenHandler,
        KernelSpec,
        Policy,
        RuntimeSpec,
    }
