"""``symbiote plugins``: listed without an import; with --load what became of each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("fresh_plugins")
Install = Callable[[str, str], None]

HOOK = """
from symbiote_core import hookimpl
symbiote_api = "1"

@hookimpl
def {name}():
    {body}
"""


def listed(result: Any, name: str) -> dict[str, Any]:
    """What the JSON says of a plugin."""
    assert result.exit_code == 0, result.output
    (found,) = [p for p in json.loads(result.stdout)["plugins"] if p["name"] == name]
    return dict(found)


def test_listing_imports_no_plugin(symbiote: Any, install: Install) -> None:
    install("lazy", 'symbiote_api = "1"')
    result = symbiote("plugins")
    assert result.exit_code == 0
    assert "symbiote-lazy 1.2" in result.stdout
    assert "symbiote_lazy_code" in result.stdout
    assert "symbiote_lazy_code" not in sys.modules


def test_json_without_import(symbiote: Any, install: Install) -> None:
    install("lazier", "1 / 0")
    assert listed(symbiote("plugins", "--json"), "lazier") == {
        "name": "lazier",
        "value": "symbiote_lazier_code",
        "distribution": "symbiote-lazier",
        "version": "1.2",
        "state": "found",
    }


def test_load_shows_what_fails_and_where(symbiote: Any, install: Install) -> None:
    install("broken", "1 / 0")
    result = symbiote("plugins", "--load")
    assert result.exit_code == 0
    assert "failed at import:" in result.stdout
    assert "ZeroDivisionError" in result.stdout
    assert result.stderr == ""


def test_load_json(symbiote: Any, install: Install) -> None:
    install("broken2", "1 / 0")
    found = listed(symbiote("plugins", "--load", "--json"), "broken2")
    assert found["state"] == "failed"
    assert found["stage"] == "import"
    assert found["error"] == "ZeroDivisionError"
    assert found["problem"] == "import: ZeroDivisionError: division by zero"


def test_load_counts_what_a_plugin_brings(symbiote: Any, install: Install) -> None:
    source = (
        "from torch import nn\n"
        "from symbiote_core import KernelSpec, hookimpl\n"
        "symbiote_api = '1'\n"
        "@hookimpl\n"
        "def symbiote_kernels():\n"
        "    return [KernelSpec('Mine', nn.Bilinear, 'nowhere:Mine')]\n"
    )
    install("good", source)
    found = listed(symbiote("plugins", "--load", "--json"), "good")
    assert found["state"] == "active"
    assert found["brings"]["kernels"] == ["Mine"]
    assert found["api"] == "1"
    shown = symbiote("plugins", "--load").stdout
    (row,) = [line for line in shown.splitlines() if line.lstrip().startswith("good ")]
    assert row.split() == ["good", "symbiote-good", "1.2", "1", "active", "1", "kernel"]


def test_blocked_plugins_are_listed(
    symbiote: Any, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("wanted", 'symbiote_api = "1"')
    install("blocked", "1 / 0")
    monkeypatch.setenv("SYMBIOTE_PLUGINS", "wanted")
    assert listed(symbiote("plugins", "--json", "--load"), "blocked")["state"] == "blocked"


def test_no_discovery(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD", "1")
    assert "No plugin is installed" in symbiote("plugins").stdout
    assert json.loads(symbiote("plugins", "--json").stdout) == {"plugins": []}


BROKEN = {
    "absent": ("import a_module_that_is_not_there", "import", "failed"),
    "syntax": ("def broken(:", "import", "failed"),
    "leaving": ("raise SystemExit(0)", "import", "failed"),
    "skipping": (
        "import pytest; pytest.skip('not here', allow_module_level=True)",
        "import",
        "failed",
    ),
    "old": ("symbiote_api = '0'", "api", "incompatible"),
    "silent": ("", "api", "incompatible"),
    "misspelt": (HOOK.format(name="symbiote_kernel", body="return []"), "validate", "failed"),
    "arguments": (
        HOOK.format(name="symbiote_kernels", body="return []").replace("()", "(model)"),
        "register",
        "failed",
    ),
    "raising": (HOOK.format(name="symbiote_policies", body="return 1 / 0"), "contribute", "failed"),
    "wrong": (HOOK.format(name="symbiote_runtimes", body="return 3"), "contribute", "failed"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_any_broken_plugin_is_listed_beside_the_others(
    symbiote: Any, install: Install, kind: str
) -> None:
    source, stage, state = BROKEN[kind]
    install("whole", 'symbiote_api = "1"')
    install(kind, source)
    result = symbiote("plugins", "--load", "--json")
    assert result.stderr == ""
    assert listed(result, "whole")["state"] == "active"
    found = listed(result, kind)
    assert (found["state"], found["stage"]) == (state, stage)
    assert found["problem"].startswith(f"{stage}: {found['error']}: ")
    shown = " ".join(symbiote("plugins", "--load").stdout.split())
    assert f"failed at {stage}: " in shown
    assert listed(symbiote("plugins", "--json"), kind)["state"] == "found"


def test_the_hook_that_failed_is_named(symbiote: Any, install: Install) -> None:
    install("raising", BROKEN["raising"][0])
    found = listed(symbiote("plugins", "--load", "--json"), "raising")
    assert found["hook"] == "symbiote_policies"
    assert found["problem"].endswith("(in its symbiote_policies)")


def test_a_namesake_is_listed_without_an_import(
    symbiote: Any, install: Install, tmp_path: Path
) -> None:
    install("mine", "1 / 0")
    info = tmp_path / "site" / "another-3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 3\n")
    (info / "entry_points.txt").write_text("[symbiote]\nmine = another_code\n")
    result = symbiote("plugins", "--json")
    found = [p for p in json.loads(result.stdout)["plugins"] if p["name"] == "mine"]
    assert sorted(p["state"] for p in found) == ["failed", "found"]
    (refused,) = [p for p in found if p["state"] == "failed"]
    assert refused["problem"].startswith("discover: PluginError: ")
    assert "failed at discover" in " ".join(symbiote("plugins").stdout.split())


def run_in_a_process(tmp_path: Path, *args: str, **environ: str) -> Any:
    """The command line in a process that finds the plugins of the fixture ``install``."""
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "symbiote_cli", *args],
        env=os.environ | {"PYTHONPATH": path} | environ,
        capture_output=True,
        text=True,
        check=True,
    )


def test_a_plugin_that_prints_leaves_the_json_whole(install: Install, tmp_path: Path) -> None:
    install("chatty", "print('hello')\nimport os; os.write(1, b'raw')\nsymbiote_api = '1'")
    done = run_in_a_process(tmp_path, "plugins", "--load", "--json", SYMBIOTE_PLUGINS="chatty")
    (found,) = (p for p in json.loads(done.stdout)["plugins"] if p["name"] == "chatty")
    assert found["state"] == "active"
    assert "hello" in done.stderr


def test_the_trace_is_on_stderr(install: Install, tmp_path: Path) -> None:
    install("traced", HOOK.format(name="symbiote_kernels", body="return []"))
    environ = {"SYMBIOTE_PLUGINS": "traced", "SYMBIOTE_TRACE": "1"}
    done = run_in_a_process(tmp_path, "plugins", "--load", "--json", **environ)
    json.loads(done.stdout)
    lines = [re.sub(r"\d+\.\d{3} ms", "T ms", line) for line in done.stderr.splitlines()]
    assert lines == [
        "info: plugin traced, symbiote-traced 1.2: import took T ms",
        "info: plugin traced, symbiote-traced 1.2: symbiote_kernels took T ms",
    ]
    assert run_in_a_process(tmp_path, "plugins", SYMBIOTE_TRACE="1").stderr == ""
