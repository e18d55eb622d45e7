"""The third-party example: built, installed from its wheel, found, used, and tested."""

from __future__ import annotations

import ast
import importlib
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "symbiote-bert"
SOURCES = sorted(EXAMPLE.rglob("*.py"))

USE = """
import symbiote_bert
from symbiote_core import accelerate, plugin_manager
from transformers import BertConfig, BertModel
assert "site-packages/symbiote_bert" in symbiote_bert.__file__, symbiote_bert.__file__
sizes = dict(hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=128)
told = accelerate(BertModel(BertConfig(**sizes)).eval(), "emulator")
print(plugin_manager().records["bert"].state.value, told.policies)
print(sorted({module.plugin for module in told.modules}))
"""


def test_the_wheel_holds_what_it_should(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
    assert "symbiote_bert/py.typed" in files
    assert any(file.endswith("LICENSE") for file in files)
    assert not [file for file in files if "test" in file]


def test_it_is_found_and_used(with_example: Any, tmp_path: Path) -> None:
    done = with_example.run("-c", USE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["active (('bert', 'bert'),)", "['bert']"]


def test_the_command_line_lists_it(with_example: Any, tmp_path: Path) -> None:
    done = with_example.run("-m", "symbiote_cli", "plugins", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\W*bert\s.*symbiote-bert 0\.1\.0", done.stdout, re.MULTILINE), done.stdout


def run_tests(with_example: Any, *arguments: str) -> str:
    options = ("-p", "no:cacheprovider", "-q", *arguments)
    done = with_example.run("-m", "pytest", *options, EXAMPLE, cwd=EXAMPLE)
    assert done.returncode == 0, done.stdout[-6000:]
    return str(done.stdout)


def test_its_own_tests_pass(with_example: Any) -> None:
    told = run_tests(with_example, "-m", "not ttnn")
    assert re.search(r"\d\d passed", told), told
    assert "skipped" not in told


@pytest.mark.ttnn
def test_its_own_tests_pass_on_mock_chips(with_example: Any) -> None:
    told = run_tests(with_example, "-m", "ttnn")
    assert re.search(r"\d passed", told), told
    assert "skipped" not in told


def test_it_passes_the_conformance_kit(with_example: Any, tmp_path: Path) -> None:
    kit = ("--symbiote-conformance", "symbiote-bert", "-p", "no:cacheprovider", "-v")
    done = with_example.run("-m", "pytest", *kit, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:]
    for judged in ("TTNNBertEmbeddings", "TTNNBertEncoder", "TTNNBertLayer", "TTNNBertPooler"):
        assert re.search(rf"\[{judged}-parity\] PASSED", done.stdout), judged
    assert re.search(r"\[bert:\S+\] PASSED", done.stdout)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_it_is_written_with_public_names_only(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            strangers = [a.name for a in node.names if a.name.startswith("symbiote_")]
            assert not strangers, f"{source.name} imports {strangers} whole"
        if not isinstance(node, ast.ImportFrom) or not str(node.module).startswith("symbiote_"):
            continue
        package = str(node.module).partition(".")[0]
        if package == "symbiote_bert":
            continue
        assert node.module == package, f"{source.name} imports from {node.module}"
        public = importlib.import_module(package).__all__
        for alias in node.names:
            assert alias.name in public, f"{source.name}: {package} exports no {alias.name}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_it_touches_no_private_attribute(source: Path) -> None:
    # `_fallback_torch_layer` is the name by which a kernel tells what it replaces.
    allowed = {"_fallback_torch_layer"}
    private = {
        node.attr
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
    assert private <= allowed
