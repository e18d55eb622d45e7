"""No code comes in with data: no pickles, no code of a model unless its user lets it run.

Looked up in the syntax trees of everything that is shipped.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for pattern in ("symbiote_*/src", "plugins/*/src", "examples", "tools")
    for folder in ROOT.glob(pattern)
    for path in folder.rglob("*.py")
)

PICKLING = frozenset(
    {
        "pickle",
        "cPickle",
        "_pickle",
        "marshal",
        "shelve",
        "dill",
        "cloudpickle",
        "joblib",
        "jsonpickle",
    }
)
"""Modules whose reading functions run code that the data names."""

READERS = frozenset({"load", "jit.load", "hub.load", "package.PackageImporter"})
"""What reads pickles in torch."""


def findings(source: str) -> Iterator[str]:
    """What a source does that would let code in with data."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (f"imports {a.name}" for a in node.names if a.name.split(".")[0] in PICKLING)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLING:
            yield f"imports {node.module}"
        elif isinstance(node, ast.ImportFrom) and node.module == "torch":
            yield from (f"imports torch.{a.name}" for a in node.names if a.name in READERS)
        elif isinstance(node, ast.Call):
            yield from _calls(node)


def _calls(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    safe = given.get("weights_only")
    is_safe = called == "torch.load" and isinstance(safe, ast.Constant) and safe.value is True
    if called.startswith("torch.") and called.removeprefix("torch.") in READERS and not is_safe:
        yield f"calls {called}"
    if called in ("np.load", "numpy.load") and "allow_pickle" in given:
        yield f"calls {called} with allow_pickle"
    if called in ("eval", "exec"):
        yield f"calls {called}"
    trust = given.get("trust_remote_code")
    if trust is not None and ast.unparse(trust) not in TRUST:
        yield f"passes trust_remote_code={ast.unparse(trust)}"


TRUST = frozenset({"False", "source.trusts_code", "trust_remote_code"})
"""What may be passed: what the user said, through the command line's option, which is off."""


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 200
    assert any(path.name == "loading.py" for path in SOURCES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_comes_in_with_data(path: Path) -> None:
    assert list(findings(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, dill",
        "from pickle import loads",
        "import torch; torch.load(p)",
        "import torch; torch.load(p, weights_only=False)",
        "import torch; torch.load(p, weights_only=flag)",
        "from torch import load",
        "import torch; torch.jit.load(p)",
        "import numpy as np; np.load(p, allow_pickle=True)",
        "eval(text)",
        "Auto.from_pretrained(p, trust_remote_code=True)",
        "Auto.from_pretrained(p, trust_remote_code=config.trust)",
    ],
)
def test_these_checks_can_fail(source: str) -> None:
    assert len(list(findings(source))) == 1


def test_safe_readers_pass() -> None:
    assert (
        list(findings("import torch, json; torch.load(p, weights_only=True); json.load(f)")) == []
    )


def test_models_are_read_from_safetensors_alone() -> None:
    """Every ``from_pretrained`` of a model in the command line says so."""
    asked = [
        node
        for path in SOURCES
        if "symbiote_cli" in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".from_pretrained")
    ]
    models = [n for n in asked if not ast.unparse(n.func).split(".")[-2].startswith("Auto")]
    assert len(models) == 3
    for node in models:
        given = {k.arg: k.value for k in node.keywords}
        assert ast.unparse(given["use_safetensors"]) == "True"
