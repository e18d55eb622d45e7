"""Progress bars on stderr, where there is a terminal to show them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from symbiote_cli.output import Output

Item = TypeVar("Item")

STAGES = {
    "build": "Building kernels",
    "convert": "Converting and moving weights",
    "move": "Moving weights",
}
"""What the core's stages are called on the screen."""


def _progress(output: Output) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        console=output.err,
        transient=True,
        disable=not output.shows_progress,
    )


@contextmanager
def working(output: Output, what: str) -> Iterator[None]:
    """Show that something of unknown length goes on inside the block.

    Args:
        output: the command's output.
        what: what goes on, such as "Loading the model".
    """
    with _progress(output) as progress:
        progress.add_task(what, total=None, count="")
        yield


def counted(output: Output, items: Sequence[Item], what: str) -> Iterator[Item]:
    """Give the items one after another and show how many are done.

    Args:
        output: the command's output.
        items: what is worked on.
        what: what is done with them.
    """
    with _progress(output) as progress:
        task = progress.add_task(what, total=len(items), count="")
        for done, item in enumerate(items):
            progress.update(task, completed=done, count=f"{done}/{len(items)}")
            yield item


@contextmanager
def swapping(output: Output) -> Iterator[Callable[[str, int, int, str], None]]:
    """Give the callback for ``accelerate(progress=...)``: a bar for each stage.

    Args:
        output: the command's output.
    """
    with _progress(output) as progress:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int, path: str) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(STAGES.get(stage, stage), total=total, count="")
            count = f"{done}/{total} {path}"
            progress.update(tasks[stage], completed=done, total=total, count=count)

        yield show
