"""Help pages, the version, and that they cost no heavy import."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

COMMANDS = ("demo", "run", "plan", "explain", "check", "plugins", "new-plugin", "doctor")
PROBE = """
import sys
import symbiote_cli.app
{more}
try:
    symbiote_cli.app.app(["--help"])
except SystemExit as end:
    assert end.code == 0, end.code
heavy = {{"torch", "transformers", "symbiote_core", "sklearn", "PIL"}}
print("heavy:", sorted(heavy & set(sys.modules)))
"""


def heavy_imports(more: str = "") -> str:
    code = PROBE.format(more=more)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_help_lists_the_commands(symbiote: Any) -> None:
    result = symbiote("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert f" {command} " in result.stdout
    assert "130  interrupted" in result.stdout


def test_no_arguments_show_the_help(symbiote: Any) -> None:
    assert "Usage" in symbiote().output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_json_and_verbose(symbiote: Any, command: str) -> None:
    result = symbiote(command, "--help")
    assert result.exit_code == 0
    assert "Examples" in result.stdout
    assert f"\n   symbiote {command}" in result.stdout or f"symbiote {command}" in result.stdout
    assert "--json" in result.stdout
    assert "--verbose" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_help_imports_nothing_heavy() -> None:
    assert heavy_imports() == "heavy: []"


def test_the_probe_can_fail() -> None:
    assert heavy_imports("import symbiote_core") == "heavy: ['symbiote_core', 'torch']"


def test_version(symbiote: Any) -> None:
    result = symbiote("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("symbiote ")


def test_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "symbiote_cli", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.startswith("symbiote ")
