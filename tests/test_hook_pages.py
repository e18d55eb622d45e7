"""The pages of the hooks: their code runs, block after block, and says what is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from symbiote_core import set_plugin_manager

PAGES = sorted((Path(__file__).parents[1] / "docs" / "reference" / "hooks").glob("symbiote_*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def fresh_plugins() -> Iterator[None]:
    """What a page leaves behind is put right, also if it fails."""
    before = set_plugin_manager(None)
    yield
    set_plugin_manager(before)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_code_runs(page: Path) -> None:
    blocks = list(BLOCK.finditer(text := page.read_text()))
    assert len(blocks) >= 2
    namespace: dict[str, object] = {"__name__": page.stem}
    for block in blocks:
        lines_before = "\n" * (text[: block.start(1)].count("\n"))
        exec(compile(lines_before + block[1], str(page), "exec"), namespace)
