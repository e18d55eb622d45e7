"""Runs the code blocks of a page in order, as a reader would; ends with 1 at the first fault.

    python run_page.py PAGE [SETUP]

All ``python`` blocks share one namespace, in which SETUP, a file of Python, has run. What a block
prints has to stand in the ``text`` block behind it. Commands of ``symbiote`` in ``console`` and
``sh`` blocks are run, and print what is shown; other commands have to be among `UNTRIED`. Blocks
of no language are only shown.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import os
import shlex
import subprocess
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from page_blocks import Block, PageError, blocks_of

UNTRIED = ("cd", "git", "make", "pip", "pytest", "python", "tar")
"""Commands that need a network or a checkout, or that tests of their own run."""

HOW = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def compare(expected: str, actual: str, where: str) -> None:
    """Compare a shown output with the real one; ``...`` stands for anything."""
    if not doctest.OutputChecker().check_output(expected, actual, HOW):
        raise PageError(f"{where}: shown is\n{expected}\nprinted was\n{actual}")


def run_python(block: Block, page: Path, namespace: dict[str, Any]) -> str:
    """Run a block; what it printed."""
    source = "\n" * (block.line - 1) + block.text
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, page.name, "exec"), namespace)
    return printed.getvalue()


def run_command(command: str, where: str) -> str:
    """Run a command of the ``symbiote`` script; what it printed. Others are not run."""
    variables, words = [], shlex.split(command, comments=True)
    while words and "=" in words[0]:
        variables.append(words.pop(0).split("=", 1))
    if words and words[0] in UNTRIED:
        return ""
    if not words or words[0] != "symbiote":
        raise PageError(f"{where}: {command!r} is neither run nor known to be untried.")
    done = subprocess.run(
        [sys.executable, "-m", "symbiote_cli", *words[1:]],
        env={**os.environ, **dict(variables), "COLUMNS": "80", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise PageError(f"{where}: {command} ended with {done.returncode}\n{done.stderr}")
    return done.stdout


def run_console(block: Block, where: str) -> None:
    """Run the commands of a block, and compare what is shown behind each."""
    for part in f"\n{block.text}".split("\n$ ")[1:]:
        command, _, shown = part.partition("\n")
        printed = run_command(command, where)
        if shown.strip():
            compare(shown, printed, where)


def parse_toml(text: str) -> None:
    """Raise ValueError for what is no TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    tomllib.loads(text)


def parse_yaml(text: str) -> None:
    """Raise yaml.YAMLError for what is no YAML."""
    import yaml

    yaml.safe_load(text)


def run(page: Path, namespace: dict[str, Any]) -> None:
    """Run all blocks of a page.

    Raises:
        PageError: if something is not as the page says.
    """
    printed = ""
    for block in blocks_of(page):
        where = f"{page.name}:{block.line}"
        if printed and block.language != "text":
            raise PageError(f"{where}: the block before prints what is not shown:\n{printed}")
        if block.language == "python":
            printed = run_python(block, page, namespace)
            continue
        if block.language == "text":
            compare(block.text, printed, where)
            printed = ""
        elif block.language == "console":
            run_console(block, where)
        elif block.language == "sh":
            for command in filter(None, block.text.splitlines()):
                run_command(command, where)
        elif block.language in PARSERS:
            PARSERS[block.language](block.text)
        elif block.language:
            raise PageError(f"{where}: blocks of {block.language} are not run.")
    if printed:
        raise PageError(f"{page.name}: the last block prints what is not shown:\n{printed}")


PARSERS = {"toml": parse_toml, "yaml": parse_yaml, "json": json.loads}


def main() -> None:
    """Run the page that the command line names."""
    import torch

    from symbiote_core import FallbackWarning

    torch.set_num_threads(1)  # more of them wait for each other where other tests run
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for setup in sys.argv[2:]:
        exec(compile(Path(setup).read_text(), setup, "exec"), namespace)
    warnings.simplefilter("error")
    warnings.filterwarnings("default", category=FallbackWarning)  # pages may show it
    try:
        run(Path(sys.argv[1]), namespace)
    except PageError as error:
        raise SystemExit(str(error)) from error
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
