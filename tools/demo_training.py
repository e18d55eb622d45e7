"""What the scripts that train the demo's models share: options, progress, and the folder.

Both write a Hugging Face folder into the package symbiote-cli, with a model card that is filled in
from `tools/cards`, and both give the same weights again, bit for bit, with the same seed, threads,
versions and kind of processor.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

CARDS = Path(__file__).resolve().parent / "cards"
DATA = Path(__file__).resolve().parent.parent / "plugins/symbiote_cli/src/symbiote_cli/data"

MAX_GRADIENT_NORM = 1.0


def options(documentation: str | None, name: str) -> argparse.ArgumentParser:
    """A parser of the options that every script has.

    Args:
        documentation: the script's docstring; its first line is the summary.
        name: the folder to write, below the package's data.
    """
    parser = argparse.ArgumentParser(
        description=(documentation or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--output", type=Path, default=DATA / name, help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of weights and everything random")
    parser.add_argument("--threads", type=int, default=1, help="of torch; changes the rounding")
    return parser


def prepare(args: argparse.Namespace) -> Console:
    """Set torch up so that a run can be repeated.

    Args:
        args: the command line: threads, seed.

    Returns:
        Where to print.
    """
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(args.seed)
    transformers.utils.logging.disable_progress_bar()
    return Console()


def warmup_and_cosine(warmup: int, total: int) -> Callable[[int], float]:
    """The learning rate by step, as a share of the highest.

    Args:
        warmup: steps in which it rises.
        total: steps until it has fallen to zero.
    """
    return lambda step: (
        min(1.0, (step + 1) / warmup) * (0.5 + 0.5 * math.cos(math.pi * step / total))
    )


@contextmanager
def progress(console: Console, total: int, unit: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar.

    Args:
        console: where it is drawn.
        total: how many units there are.
        unit: what they are called, in the plural.

    Yields:
        To be called with the loss after each unit.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} " + unit + ", loss {task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Training", total=total, loss="-")
        yield lambda loss: bar.update(task, advance=1, loss=f"{loss:.4f}")


def write_folder(model: Any, folder: Path, max_bytes: int, texts: Mapping[str, str]) -> None:
    """Write the Hugging Face folder.

    Args:
        model: what to save. Both transformers 4.57 and 5.x save it under the parameter names of
            4.57, which both can load.
        folder: where to; made if it is missing.
        max_bytes: how much its weights may take.
        texts: what other files hold, by name.

    Raises:
        ValueError: the weights take more; nothing is written then.
    """
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    if size > max_bytes:
        raise ValueError(f"The weights take {size} bytes, more than {max_bytes}: shrink the model.")
    model.save_pretrained(folder)
    # safetensors makes a file that only its owner can read; a package is for everybody.
    (folder / "model.safetensors").chmod(0o644)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def model_card(name: str, model: Any, args: argparse.Namespace, **facts: Any) -> str:
    """Fill in a model card.

    Args:
        name: of the card in `tools/cards`, without its suffix.
        model: the trained model.
        args: the command line, each option of which the card may tell.
        facts: what else the card tells.

    Returns:
        Markdown with a Hugging Face header.
    """
    config = model.config
    return (
        (CARDS / f"{name}.md")
        .read_text(encoding="utf-8")
        .format(
            **vars(args),
            **facts,
            parameters=sum(weight.numel() for weight in model.parameters()),
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            head_size=config.hidden_size // config.num_attention_heads,
            hidden=config.hidden_size,
            intermediate=config.intermediate_size,
            torch=torch.__version__.partition("+")[0],
            transformers=transformers.__version__,
        )
    )
