"""The code blocks of a Markdown page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parent.parent.parent

FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>`{3,}) *(?P<language>\w*)(?P<options>.*)$")
SNIPPET = re.compile(r'^-{1,}8<-{1,} "(?P<file>[^"]+)"$')


class PageError(Exception):
    """A page is not written as it should be; the text says where."""


@attrs.frozen
class Block:
    """A fenced block.

    Attributes:
        language: the word behind the fence; empty for none.
        options: what stands behind that.
        text: what is in it, snippets filled in.
        line: of the page, where the text begins.
    """

    language: str
    options: str
    text: str
    line: int


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page in order, those in comments too.

    Raises:
        PageError: for a block that is not closed.
    """
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    for number, line in lines:
        opened = FENCE.match(line)
        if opened is None:
            continue
        indent, fence = opened["indent"], opened["fence"]
        inside = []
        for _, text in lines:
            if text.strip() == fence:
                break
            inside.append(text.removeprefix(indent))
        else:
            raise PageError(f"{page.name}:{number}: the block is not closed.")
        yield Block(
            language=opened["language"],
            options=opened["options"].strip(),
            text="".join(filled(text) + "\n" for text in inside),
            line=number + 1,
        )


def filled(line: str) -> str:
    """A line, or the file that it includes."""
    snippet = SNIPPET.match(line.strip())
    if snippet is None:
        return line
    return (ROOT / snippet["file"]).read_text(encoding="utf-8").rstrip("\n")
