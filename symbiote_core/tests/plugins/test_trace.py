"""``SYMBIOTE_TRACE=1`` tells what is called in plugins; unset, it is not there at all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pluggy
import pytest
from core_kernels import Bringing

from symbiote_core import PluginError, PluginManager, Settings, hookimpl

PROGRAM = """
import logging, sys
logging.basicConfig(format="%(name)s %(levelname)s %(message)s", stream=sys.stdout)
from symbiote_core import plugin_manager
plugin_manager()
"""

PLUGIN = """
from symbiote_core import hookimpl
symbiote_api = "1"

@hookimpl
def symbiote_kernels():
    return []

@hookimpl
def symbiote_policies():
    raise ZeroDivisionError("by accident")
"""


def _run(site: Path, **environ: str) -> list[str]:
    """What a program logs that loads the plugin ``mine`` alone."""
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SYMBIOTE_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=kept | {"PYTHONPATH": path, "SYMBIOTE_PLUGINS": "mine"} | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_process_with_the_variable_logs_plugin_hook_and_time(install_distribution: Any) -> None:
    site = install_distribution("mine", PLUGIN)
    lines = [line for line in _run(site, SYMBIOTE_TRACE="1") if line.startswith("symbiote.trace")]
    shown = [re.sub(r"\d+\.\d{3} ms", "T ms", line) for line in lines]
    assert shown == [
        "symbiote.trace INFO plugin mine, symbiote-mine 1.2: import took T ms",
        "symbiote.trace INFO plugin mine, symbiote-mine 1.2: symbiote_kernels took T ms",
        "symbiote.trace INFO plugin mine, symbiote-mine 1.2: symbiote_policies took T ms, raised "
        "ZeroDivisionError: by accident",
    ]


@pytest.mark.parametrize("off", [{}, {"SYMBIOTE_TRACE": "0"}])
def test_a_process_without_it_logs_no_call(install_distribution: Any, off: dict[str, str]) -> None:
    site = install_distribution("mine", PLUGIN)
    (line,) = _run(site, **off)
    assert line.startswith("symbiote.plugins WARNING plugin 'mine' of symbiote-mine 1.2 is not use")


def test_without_it_nothing_stands_around_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[object] = []
    monkeypatch.setattr(
        pluggy.PluginManager, "add_hookcall_monitoring", lambda *args: watched.append(args)
    )
    PluginManager(Settings(autoload=False)).register(Bringing(), "mine")
    assert watched == []
    PluginManager(Settings(autoload=False, trace=True)).register(Bringing(), "mine")
    assert len(watched) == 1


def test_an_import_that_fails_is_timed_too(
    install_distribution: Any, caplog: pytest.LogCaptureFixture
) -> None:
    install_distribution("mine", "1 / 0")
    PluginManager(Settings(plugins=("mine",), trace=True)).load()
    (line,) = (r.getMessage() for r in caplog.records if r.name == "symbiote.trace")
    assert line.startswith("plugin mine, symbiote-mine 1.2: import took")
    assert line.endswith("raised ZeroDivisionError: division by zero")


def test_tracing_changes_no_result(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        symbiote_api = "1"

        @hookimpl
        def symbiote_kernels(self) -> Any:
            raise ZeroDivisionError

    with pytest.raises(PluginError, match="contribute: ZeroDivisionError"):
        PluginManager(Settings(autoload=False, trace=True)).register(Failing(), "mine")
    assert "symbiote_kernels took" in caplog.text
