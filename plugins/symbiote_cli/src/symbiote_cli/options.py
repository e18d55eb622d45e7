"""Options and arguments that several commands share."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from symbiote_cli.output import raise_verbosity


def help_page(text: str, **sections: tuple[str, ...]) -> str:
    """The text of a help page, with sections whose lines stay lines.

    Args:
        text: what the command does.
        sections: lines under headings; the keywords are the headings.
    """
    # Older typers join the lines of a paragraph unless it starts with a backspace.
    parts = [
        "\b\n" + "\n  ".join([f"[bold]{name.replace('_', ' ')}[/]", *lines])
        for name, lines in sections.items()
    ]
    return "\n\n".join([text, *parts])


def set_verbosity(value: int) -> int:
    """Raise the verbosity; ``symbiote -v run`` and ``symbiote run -v`` mean the same.

    Args:
        value: how often the option was given here.
    """
    raise_verbosity(value)
    return value


class DType(str, enum.Enum):
    """The torch dtype to load a model in."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class WeightDType(str, enum.Enum):
    """TTNN's dtype of the weights of swapped modules; see `symbiote_ttnn.KernelConfig`."""

    BFLOAT16 = "bfloat16"
    BFLOAT8_B = "bfloat8_b"
    BFLOAT4_B = "bfloat4_b"
    FLOAT32 = "float32"


Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        callback=set_verbosity,
        show_default=False,
        metavar="",
        help="Show the log, and tracebacks of errors; -vv shows more.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A Hugging Face id, a local folder, or a config.json.",
        show_default=False,
    ),
]
Policy = Annotated[
    str, typer.Option(metavar="NAME", help="How to swap the model; auto goes by its architecture.")
]
Include = Annotated[
    list[str],
    typer.Option(
        metavar="PATTERN",
        show_default=False,
        help="Replace only these modules: path, glob or re:REGEX. May be repeated.",
    ),
]
Exclude = Annotated[
    list[str],
    typer.Option(
        metavar="PATTERN",
        show_default=False,
        help="Leave these modules on torch; wins over --include. May be repeated.",
    ),
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        help="Run Python code that the model brings along; without it, none is.",
    ),
]
RandomWeights = Annotated[
    bool, typer.Option("--random-weights", help="Build it from its configuration alone.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of the random weights.")]
Image = Annotated[
    Path | None,
    typer.Option(metavar="PATH", show_default=False, help="An image; by default a sample."),
]
Text = Annotated[
    str | None,
    typer.Option(metavar="TEXT", show_default=False, help="A text; by default a sample."),
]
LoadAs = Annotated[
    DType, typer.Option(help="The torch dtype to load it in; auto is the saved one.")
]
Weights = Annotated[
    WeightDType | None,
    typer.Option(
        show_default=False,
        help="TTNN's dtype of the swapped matrices; by default the policy's own.",
    ),
]
DEVICE_HELP = "auto, emulator, mock:wormhole_b0, ttnn:0 …; auto is a chip if there is one."
