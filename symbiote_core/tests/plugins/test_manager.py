"""Plugins are loaded one by one; what is wrong with one is kept and takes no other down."""

from __future__ import annotations

import importlib.metadata
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from core_kernels import Bringing, FakeLinear
from torch import nn

from symbiote_core import (
    KernelSpec,
    PluginError,
    PluginManager,
    PluginState,
    Policy,
    Settings,
    UnknownPluginError,
    hookimpl,
    plugin_manager,
    set_plugin_manager,
)

GOOD = """
from symbiote_core import KernelSpec, hookimpl
symbiote_api = "1"

@hookimpl
def symbiote_kernels():
    return [KernelSpec("Good", "torch.nn.modules.linear.Linear", "core_kernels:FakeLinear")]
"""

BROKEN = {
    "import": "import a_module_that_is_not_there",
    "exit": "raise SystemExit(3)",
    "api": 'symbiote_api = "7"',
    "noapi": "",
    "misspelt": """
from symbiote_core import hookimpl
symbiote_api = "1"

@hookimpl
def symbiote_kernel():
    return []
""",
    "arguments": """
from symbiote_core import hookimpl
symbiote_api = "1"

@hookimpl
def symbiote_kernels(model):
    return []
""",
    "raises": """
from symbiote_core import hookimpl
symbiote_api = "1"

@hookimpl
def symbiote_kernels():
    raise ZeroDivisionError("by accident")
""",
    "records": """
from symbiote_core import hookimpl
symbiote_api = "1"

@hookimpl
def symbiote_policies():
    return ["vit"]
""",
    "none": """
from symbiote_core import hookimpl
symbiote_api = "1"

@hookimpl
def symbiote_policies():
    return None
""",
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Write plugin modules and give the entry points that name them."""
    monkeypatch.syspath_prepend(tmp_path)
    written: list[str] = []

    def write(**sources: str) -> Any:
        points = []
        for name, source in sources.items():
            module = f"symbiote_test_plugin_{name}"
            (tmp_path / f"{module}.py").write_text(source)
            written.append(module)
            points.append(importlib.metadata.EntryPoint(name, module, "symbiote"))
        return lambda: points

    yield write
    for module in written:
        sys.modules.pop(module, None)


def _loaded(points: Any, **settings: Any) -> PluginManager:
    return PluginManager(Settings(**settings), points).load()


def test_discovery_lists_without_importing(install: Any) -> None:
    manager = PluginManager(Settings(), install(good=GOOD, broken=BROKEN["import"]))
    records = manager.discover()
    assert [(r.name, r.state) for r in records] == [
        ("good", PluginState.FOUND),
        ("broken", PluginState.FOUND),
    ]
    assert records[0].value == "symbiote_test_plugin_good"
    assert "symbiote_test_plugin_good" not in sys.modules


def test_a_good_plugin_is_active_and_its_records_carry_its_name(install: Any) -> None:
    manager = _loaded(install(good=GOOD))
    record = manager.records["good"]
    assert (record.state, record.stage, record.error, record.problem) == (
        PluginState.ACTIVE,
        "",
        None,
        "",
    )
    assert manager.registry.kernels["Good"].plugin == "good"


@pytest.mark.parametrize(
    ("which", "stage", "problem"),
    [
        ("import", "import", "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        (
            "api",
            "api",
            "PluginError: Plugin 'bad' is for symbiote_api '7'; this core has '1'. Set "
            'symbiote_api = "1" in it once it follows these hooks, or install a version that '
            "does.",
        ),
        (
            "noapi",
            "api",
            "PluginError: Plugin 'bad' states no symbiote_api; this core has '1'. Set symbiote_api "
            '= "1" in it once it follows these hooks, or install a version that does.',
        ),
        (
            "misspelt",
            "validate",
            "PluginValidationError: unknown hook 'symbiote_kernel' in plugin <module",
        ),
        ("arguments", "register", "PluginValidationError: Plugin 'bad' for hook 'symbiote_kernel"),
        ("raises", "contribute", "ZeroDivisionError: by accident"),
        (
            "records",
            "contribute",
            "PluginError: symbiote_policies of plugin 'bad' must return a list of Policy records, "
            "got 'vit'.",
        ),
        (
            "none",
            "contribute",
            "PluginError: symbiote_policies of plugin 'bad' must return a list of Policy records, "
            "got None.",
        ),
        ("exit", "import", "SystemExit: 3"),
    ],
)
def test_a_broken_plugin_is_listed_and_the_others_load(
    install: Any, caplog: pytest.LogCaptureFixture, which: str, stage: str, problem: str
) -> None:
    manager = _loaded(install(first=GOOD, bad=BROKEN[which], last=GOOD.replace("Good", "Last")))
    bad = manager.records["bad"]
    expected = PluginState.INCOMPATIBLE if stage == "api" else PluginState.FAILED
    assert (bad.state, bad.stage) == (expected, stage)
    assert bad.problem.startswith(f"{stage}: {problem}")
    assert bad.error is not None
    assert set(manager.registry.kernels) == {"Good", "Last"}
    assert f"plugin 'bad' is not used: {stage}" in caplog.text


def test_a_plugin_that_takes_a_name_is_left_out_whole(install: Any) -> None:
    greedy = GOOD + (
        "\n@hookimpl\ndef symbiote_policies():\n"
        "    from symbiote_core import Policy\n    return [Policy('p', (), ())]\n"
    )
    manager = _loaded(install(first=GOOD, greedy=greedy))
    bad = manager.records["greedy"]
    assert bad.problem == (
        "contribute: AmbiguousKernelError: Plugins 'first' and 'greedy' both bring a kernel named "
        "'Good'. Rename one, or block a plugin with SYMBIOTE_PLUGINS."
    )
    assert manager.registry.policies == {}
    assert manager.registry.kernels["Good"].plugin == "first"


def test_the_allow_list_blocks_the_others(install: Any) -> None:
    manager = _loaded(install(good=GOOD, other=BROKEN["import"]), plugins=("good",))
    assert manager.records["other"].state is PluginState.BLOCKED
    assert manager.records["good"].state is PluginState.ACTIVE


def test_an_empty_allow_list_blocks_all(install: Any) -> None:
    manager = _loaded(install(good=GOOD), plugins=())
    assert manager.records["good"].state is PluginState.BLOCKED
    assert "symbiote_test_plugin_good" not in sys.modules


def test_an_unknown_name_in_the_allow_list(install: Any) -> None:
    with pytest.raises(UnknownPluginError) as caught:
        _loaded(install(good=GOOD, other=GOOD), plugins=("good", "vti"))
    assert str(caught.value) == (
        "SYMBIOTE_PLUGINS names 'vti', which is not installed. Installed plugins: good, other. "
        "Install it with pip, or take the name out."
    )
    assert (caught.value.names, caught.value.installed) == (("vti",), ("good", "other"))


def test_without_autoload_nothing_is_looked_for() -> None:
    def never() -> Iterable[importlib.metadata.EntryPoint]:
        raise AssertionError("entry points were looked for")

    assert _loaded(never, autoload=False).records == {}


def test_the_same_entry_point_twice_is_one_plugin(install: Any) -> None:
    points = list(install(good=GOOD)())
    manager = _loaded(lambda: points * 2)
    assert list(manager.records) == ["good"]


def test_registering_by_hand_raises_with_stage_and_cause() -> None:
    class Misspelt:
        symbiote_api = "1"

        @hookimpl
        def symbiote_kernells(self) -> list[KernelSpec]:
            return []

    manager = PluginManager(Settings(autoload=False))
    with pytest.raises(PluginError, match=r"Plugin 'mine' failed at validate: .*_kernells'"):
        manager.register(Misspelt(), "mine")
    assert manager.records == {}
    manager.register(Bringing(policies=[Policy("p", (), ())]), "mine")
    assert manager.registry.policies["p"].plugin == "mine"


def test_a_name_can_be_registered_once() -> None:
    manager = PluginManager(Settings(autoload=False))
    manager.register(Bringing(), "mine")
    with pytest.raises(PluginError, match=r"A plugin named 'mine' is registered already\."):
        manager.register(Bringing(), "mine")


def test_a_module_can_be_a_plugin() -> None:
    module = types.ModuleType("mine")
    exec(GOOD, module.__dict__)
    manager = PluginManager(Settings(autoload=False))
    assert manager.register(module, "mine").state is PluginState.ACTIVE


def test_idle_tests_must_be_functions() -> None:
    manager = PluginManager(Settings(autoload=False))
    with pytest.raises(
        PluginError, match=r"symbiote_idle_hook_tests .* must return a list of func"
    ):
        manager.register(Bringing(idle=[3]), "mine")


def test_the_manager_of_the_process_is_made_once_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD", "1")
    before = set_plugin_manager(None)
    try:
        made = plugin_manager()
        assert plugin_manager() is made
        assert made.records == {}
        assert not made.settings.autoload
    finally:
        set_plugin_manager(before)
    assert plugin_manager() is before


def test_a_plugin_registered_later_is_in_use_at_once() -> None:
    kernel = KernelSpec("Late", nn.Linear, FakeLinear)
    plugin_manager().register(Bringing(kernels=[kernel]), "late")
    assert plugin_manager().registry.kernels_for(nn.Linear)[0].name == "Late"
