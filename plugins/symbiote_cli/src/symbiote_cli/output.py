"""Where a command's output goes: results to stdout, everything else to stderr."""

import contextlib
import json
import logging
import math
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

_LOGGER = "symbiote"


def error_console() -> Console:
    """A console on what ``sys.stderr`` is now."""
    return Console(stderr=True, highlight=False, emoji=False)


def print_wrapped(console: Console, text: Text) -> None:
    """Print sentences: broken between words on a terminal, and nowhere in a file or a pipe.

    Args:
        console: where to.
        text: the sentences.
    """
    console.print(text, soft_wrap=not console.is_terminal)


class _Handler(logging.Handler):
    """Shows the log on stderr. The command line's own class, to tell it from others' handlers."""

    def emit(self, record: logging.LogRecord) -> None:
        style = "yellow" if record.levelno >= logging.WARNING else "dim"
        level = f"{record.levelname.lower()}: "
        print_wrapped(error_console(), Text.assemble((level, f"bold {style}"), self.format(record)))


_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_verbosity = 0


def reset_verbosity() -> None:
    """Start as if no ``-v`` had been given: commands may follow each other in one process."""
    global _verbosity
    _verbosity = 0
    raise_verbosity(0)


def raise_verbosity(by: int) -> None:
    """Show more of Symbiote's log on stderr: warnings, from 1 on what happens, from 2 on all.

    Args:
        by: how often ``-v`` was given.
    """
    global _verbosity
    _verbosity += by
    logger = logging.getLogger(_LOGGER)
    for handler in [h for h in logger.handlers if isinstance(h, _Handler)]:
        logger.removeHandler(handler)
    logger.setLevel(_LEVELS[min(_verbosity, 2)])
    logger.addHandler(_Handler())


def verbosity() -> int:
    """How often ``--verbose`` was given."""
    return _verbosity


def is_verbose() -> bool:
    """Whether ``--verbose`` was given."""
    return _verbosity > 0


@contextlib.contextmanager
def hushed(name: str) -> Iterator[None]:
    """Keep a logger's warnings back inside the block, where a table tells the same.

    Args:
        name: the logger's name.
    """
    logger = logging.getLogger(name)
    before = logger.level
    if not is_verbose():
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


class Output:
    """The two streams of one command.

    Attributes:
        as_json: whether stdout takes one JSON document and nothing else.
        out: the console for results.
        err: the console for progress, notes and errors.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.out = Console(highlight=False, emoji=False)
        self.err = error_console()

    @property
    def shows_progress(self) -> bool:
        """Whether somebody looks at a terminal, so that bars may move on it."""
        return not self.as_json and self.out.is_terminal and self.err.is_terminal

    def print(self, *items: RenderableType) -> None:
        """Print results for people; nothing with ``--json``.

        Args:
            items: what to print, each on lines of its own. Strings are taken as they are.
        """
        if not self.as_json:
            for item in items:
                self.out.print(Text(item) if isinstance(item, str) else item)

    def emit(self, data: Mapping[str, Any]) -> None:
        """Print the JSON document; nothing without ``--json``.

        It is the last thing on stdout: what TTNN logs when the process ends goes to stderr.

        Args:
            data: what JSON can hold; infinities and NaN become null, which JSON lacks.
        """
        if self.as_json:
            typer.echo(json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False))
            if _owns_stdout():
                os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    @contextlib.contextmanager
    def reserved(self) -> Iterator[None]:
        """With ``--json``, send what libraries write to stdout in the block to stderr.

        TTNN's C++ code logs to the file descriptor, so that one is redirected too.
        """
        if not self.as_json:
            yield
            return
        with contextlib.ExitStack() as stack:
            if _owns_stdout():
                own = sys.stdout.fileno()
                kept = os.dup(own)
                os.dup2(sys.stderr.fileno(), own)
                stack.callback(os.close, kept)
                stack.callback(os.dup2, kept, own)
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
            yield

    def note(self, text: str) -> None:
        """Tell something that is not the result, such as a default that was chosen.

        Args:
            text: one or more sentences.
        """
        if not self.as_json:
            print_wrapped(self.err, Text.assemble(("note: ", "bold"), text, style="dim"))


def _owns_stdout() -> bool:
    """Whether ``sys.stdout`` is the process's own, flushed now, and nobody's stand-in."""
    if sys.__stdout__ is None or sys.stdout is not sys.__stdout__:
        return False
    sys.stdout.flush()
    return True


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
