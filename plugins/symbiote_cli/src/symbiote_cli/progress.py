"""Progress bars on stderr, where there is a terminal to show them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from symbiote_cli.output import Output

Item = TypeVar("Item")

STAGES = {
    "load": "Loading the model",
    "build": "Building kernels",
    "convert": "Converting and moving weights",
    "move": "Moving weights",
    "forward": "Running",
    "time": "Timing",
    "memory": "Measuring memory",
}
"""What the stages of the core, and of a check, are called on the screen."""


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
def staged(output: Output, head: str = "") -> Iterator[Callable[[str, int, int, str], None]]:
    """Give a callback that shows a bar for the stage that goes on.

    It takes the stage, how many are done, of how many (0 where nobody knows), and where, as
    ``accelerate(progress=...)`` gives them.

    Args:
        output: the command's output.
        head: stands before the stages' names.
    """
    with _progress(output) as progress:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int, path: str) -> None:
            if stage not in tasks:
                for former in tasks.values():
                    progress.update(former, visible=False)
                name = head + STAGES.get(stage, stage)
                tasks[stage] = progress.add_task(name, total=total or None, count="")
            count = f"{done}/{total} {path}" if total else path
            progress.update(tasks[stage], completed=done, total=total or None, count=count)

        yield show
