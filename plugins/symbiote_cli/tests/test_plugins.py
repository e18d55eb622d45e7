"""``symbiote plugins``: listed without an import; with --load what became of each."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("fresh_plugins")
Install = Callable[[str, str], None]


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
    assert "1 kernels" in symbiote("plugins", "--load").stdout


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
