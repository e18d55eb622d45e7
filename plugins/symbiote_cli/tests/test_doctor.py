"""``symbiote doctor``: what is wrong and what to do about it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from symbiote_cli.doctor import machine
from symbiote_cli.doctor.finding import Status

pytestmark = pytest.mark.usefixtures("fresh_plugins")
Install = Callable[[str, str], None]


def finding(result: Any, name: str) -> dict[str, Any]:
    """What the JSON says of one thing."""
    (found,) = [f for f in json.loads(result.stdout)["findings"] if f["name"] == name]
    return dict(found)


def test_a_healthy_machine(symbiote: Any) -> None:
    result = symbiote("doctor")
    assert result.exit_code == 0, result.output
    for topic in ("Python", "Packages", "TTNN", "Runtimes", "Plugins"):
        assert f"{topic}\n" in result.stdout
    assert "Nothing is broken." in result.stdout
    assert result.stderr == ""


def test_a_failed_plugin_is_broken(symbiote: Any, install: Install) -> None:
    install("sick", "import no_such_module")
    result = symbiote("doctor", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["healthy"] is False
    found = finding(result, "sick")
    assert found["status"] == "broken"
    assert (
        "failed at import: ModuleNotFoundError: No module named 'no_such_module'" in found["found"]
    )
    assert "reinstall or update symbiote-sick" in found["advice"]
    assert "Traceback" in found["traceback"]


def test_tracebacks_are_for_verbose(symbiote: Any, install: Install) -> None:
    install("sicker", "import no_such_module")
    quiet, verbose = symbiote("doctor"), symbiote("doctor", "-v")
    assert quiet.exit_code == verbose.exit_code == 1
    assert "Traceback" not in quiet.stdout
    assert "Traceback" in verbose.stdout
    assert "broken; see above what to do" in quiet.stdout


def test_an_incompatible_plugin_is_broken(symbiote: Any, install: Install) -> None:
    install("old", 'symbiote_api = "0"')
    found = finding(symbiote("doctor", "--json"), "old")
    assert found["status"] == "broken"
    assert "Install a version of symbiote-old that fits this symbiote-core." in found["advice"]


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("SYMBIOTE_PLUGINS", "nope", "SYMBIOTE_PLUGINS"),
        ("SYMBIOTE_PLUGINZ", "vit", "SYMBIOTE_*"),
        ("SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD", "maybe", "SYMBIOTE_*"),
    ],
)
def test_bad_variables_do_not_stop_the_doctor(
    symbiote: Any, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str
) -> None:
    monkeypatch.setenv(variable, value)
    result = symbiote("doctor", "--json")
    assert result.exit_code == 1
    findings = json.loads(result.stdout)["findings"]
    broken = [f for f in findings if f["status"] == "broken"]
    assert [f["name"] for f in broken] == [name]
    assert variable in broken[0]["found"]
    assert "The rest was examined as if" in broken[0]["advice"]
    assert any(f["topic"] == "Runtimes" and f["status"] == "ok" for f in findings)


def test_no_plugins_no_runtime(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = symbiote("doctor", "--json")
    assert result.exit_code == 1
    assert "symbiote-emulator" in finding(result, "runtimes")["advice"]
    assert "Unset SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD." in finding(result, "plugins")["advice"]


def test_the_environment_is_shown(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TT_METAL_HOME", "/opt/tt")
    assert finding(symbiote("doctor", "--json"), "TT_METAL_HOME")["found"] == "/opt/tt"


def test_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "installed", lambda name: None)
    found = {f.name: f for f in machine.examine_packages()}
    assert found["torch"].status is Status.BROKEN
    assert found["torch"].advice == "pip install torch"
    assert found["transformers"].status is Status.ABSENT
    assert 'pip install "symbiote-cli[hf]"' in found["transformers"].advice


def test_old_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "installed", lambda name: "4.9.2")
    found = {f.name: f for f in machine.examine_packages()}
    assert found["transformers"].status is Status.WARNING


@pytest.mark.parametrize(
    ("interpreter", "why"),
    [
        (("Linux", "x86_64", "CPython", "3.12"), None),
        (("Linux", "x86_64", "CPython", "3.10"), None),
        (
            ("Linux", "x86_64", "CPython", "3.11"),
            "no wheel for CPython 3.11: there are wheels for CPython 3.10 and 3.12",
        ),
        (
            ("Darwin", "arm64", "CPython", "3.12"),
            "no wheel for Darwin arm64: there are wheels for Linux x86-64 only",
        ),
        (
            ("Linux", "x86_64", "PyPy", "3.10"),
            "no wheel for PyPy 3.10: there are wheels for CPython 3.10 and 3.12",
        ),
    ],
)
def test_why_there_is_no_wheel(interpreter: tuple[str, str, str, str], why: str | None) -> None:
    assert machine.why_no_ttnn_wheel(*interpreter) == why


def test_no_chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TT_METAL_SIMULATOR", raising=False)
    (found,) = machine.examine_chips(tmp_path / "tenstorrent")
    assert found.status is Status.ABSENT
    assert "tt-kmd" in found.advice


def test_a_simulated_chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TT_METAL_SIMULATOR", "/opt/ttsim.so")
    (found,) = machine.examine_chips(tmp_path / "tenstorrent")
    assert found.found == "none; simulated by /opt/ttsim.so"


def test_chips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tenstorrent"
    folder.mkdir()
    (folder / "0").touch()
    (folder / "1").touch()
    (folder / "by-id").mkdir()
    monkeypatch.setattr(machine, "installed", lambda name: None)
    assert [(f.status, f.found) for f in machine.examine_chips(folder)] == [
        (Status.WARNING, str(folder / "0")),
        (Status.WARNING, str(folder / "1")),
    ]
    monkeypatch.setattr(machine, "installed", lambda name: "0.81.1")
    assert {f.status for f in machine.examine_chips(folder)} == {Status.OK}
    monkeypatch.setattr(os, "access", lambda *args: False)
    refused = next(iter(machine.examine_chips(folder)))
    assert refused.status is Status.WARNING
    assert "sudo usermod" in refused.advice
