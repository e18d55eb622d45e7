"""The documentation is true: every block of code is run, and nothing public is left out."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from page_blocks import PageError, blocks_of
from run_page import run

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PROGRAM = Path(__file__).parent / "documentation" / "run_page.py"
SETUPS = Path(__file__).parent / "documentation" / "setups"

PAGES = sorted(DOCS.rglob("*.md"))
READMES = [ROOT / "README.md", ROOT / "examples" / "symbiote-bert" / "README.md"]
WITH_BLOCKS = [page for page in [*PAGES, *READMES] if list(blocks_of(page))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def docs_pages() -> Any:
    """The module that mkdocs calls."""
    spec = importlib.util.spec_from_file_location("docs_pages", ROOT / "tools" / "docs_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name_of)
def test_blocks_do_what_the_page_says(with_example: Any, page: Path, tmp_path: Path) -> None:
    setup = SETUPS / f"{name_of(page).replace('/', '-').removesuffix('.md')}.py"
    more = [setup] if setup.exists() else []
    done = with_example.run(PROGRAM, page, *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-6000:]


FAULTS = {
    "an error": ("```python\n1 / 0\n```\n", "division by zero"),
    "another output": ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "page.md:6: shown is"),
    "an output not shown": ("```python\nprint(1)\n```\n", "prints what is not shown"),
    "a name of no block": (
        "```python\nx\n```\n\n```python\nx = 1\n```\n",
        "name 'x' is not defined",
    ),
    "a warning": ("```python\nimport warnings\nwarnings.warn('hm')\n```\n", "hm"),
    "a failing command": ("```console\n$ symbiote plan nowhere\n```\n", "ended with 2"),
    "a command's output": ("```console\n$ symbiote plugins\nnothing\n```\n", "shown is\nnothing"),
    "a strange command": ("```sh\nrm -r x\n```\n", "neither run nor known to be untried"),
    "no toml": ("```toml\na = \n```\n", "Invalid value"),
    "a strange language": ("```cobol\n```\n", "blocks of cobol are not run"),
    "an open block": ("```python\n", "page.md:1: the block is not closed"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_false_page_is_found(fault: str, tmp_path: Path) -> None:
    text, message = FAULTS[fault]
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(Exception, match=re.escape(message)):
        run(page, {})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_has_a_language(page: Path) -> None:
    assert all(block.language for block in blocks_of(page))


def test_blocks_are_read_as_markdown_does(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '```python title="a.py"\nx = 1\n```\n\n    ```text\n    a\n\n      b\n    ```\n'
    )
    first, second = blocks_of(page)
    assert (first.language, first.options, first.text) == ("python", 'title="a.py"', "x = 1\n")
    assert (second.language, second.text, second.line) == ("text", "a\n\n  b\n", 6)
    page.write_text("```python\n")
    with pytest.raises(PageError, match="not closed"):
        list(blocks_of(page))


@pytest.mark.parametrize("package", ["symbiote_core", "symbiote_ttnn", "symbiote_conformance"])
def test_the_reference_has_every_public_name(package: str) -> None:
    pages = [page.read_text() for page in DOCS.glob("reference/*.md")]
    filled = "\n".join(docs_pages().on_page_markdown(text) for text in pages)
    documented = re.findall(rf"^::: {package}\.(\w+)$", filled, re.MULTILINE)
    assert sorted(documented) == sorted(importlib.import_module(package).__all__)


def test_every_command_is_described() -> None:
    from symbiote_cli.app import app

    page = (DOCS / "reference" / "command-line.md").read_text()
    described = set(re.findall(r"^\| `symbiote ([\w-]+)", page, re.MULTILINE))
    assert {str(command.name) for command in app.registered_commands} <= described


def test_every_environment_variable_is_described() -> None:
    from symbiote_core.settings import KNOWN

    page = (DOCS / "reference" / "environment.md").read_text()
    assert set(KNOWN) <= set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))


def test_the_tutorial_follows_the_installation_and_shows_every_file_of_the_example() -> None:
    nav = (ROOT / "mkdocs.yml").read_text()
    assert re.search(r"- installation\.md\n\s+- tutorial\.md\n", nav)
    source = ROOT / "examples" / "symbiote-bert" / "src" / "symbiote_bert"
    shown = (DOCS / "tutorial.md").read_text()
    for file in source.glob("*.py"):
        assert f'--8<-- "{file.relative_to(ROOT)}"' in shown


def test_nothing_is_fetched_from_another_host() -> None:
    sources = [ROOT / "mkdocs.yml", *DOCS.rglob("*.css"), *DOCS.rglob("*.svg")]
    for source in sources:
        assert not re.search(r"https?://(?!www\.w3\.org)|@import|mermaid", source.read_text())
    assert re.search(r"^  font: false", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
