"""Draw digits with their labels: as a PNG, and as text for the terminal."""

import os

import torch
from PIL import Image, ImageDraw, ImageFont
from rich.text import Text
from torch.nn import functional

from symbiote_cli.digits import MAX_INTENSITY

__all__ = ["digits_as_text", "draw_digits_png"]

_RGB = tuple[int, int, int]

# The contact sheet, in pixels.
_DIGIT = 100
_BORDER = 4
_CELL = _DIGIT + 2 * _BORDER
_GAP = 16
_LINE = 22
_FONT_SIZE = 16
_PAPER: _RGB = (255, 255, 255)
_SHEET: _RGB = (240, 241, 244)
_INK: _RGB = (24, 28, 40)
_MUTED: _RGB = (92, 98, 112)
_FRAME: _RGB = (206, 209, 216)
_WRONG: _RGB = (208, 24, 36)

# The terminal: dots of a digit on either side (two fit into the height of a character) and
# characters from one digit to the next. With 8 dots digits can hardly be read; 12 keep them small.
_DOTS = 12
_STEP = _DOTS + 3
# The character for two dots, by 2 * upper + lower.
_BLOCKS = " ▄▀█"
_ASCII = ' ."#'


def draw_digits_png(
    images: torch.Tensor,
    labels: torch.Tensor,
    predictions: torch.Tensor,
    path: str | os.PathLike[str],
    columns: int = 8,
) -> None:
    """Draw a contact sheet of digits, each with its label and prediction; wrong ones are red.

    Args:
        images: any real dtype, [N, 8, 8], 0 (paper) to 16 (ink).
        labels: integers [N], what each digit is.
        predictions: integers [N], what the model took it for.
        path: where the PNG is written; a file that is there is replaced.
        columns: digits in a row.

    Raises:
        ValueError: there is no digit to draw, or the shapes do not fit together.
    """
    _check(images, labels, predictions, columns)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    step = _CELL + 2 * _LINE + _GAP
    size = (columns * (_CELL + _GAP) + _GAP, _GAP + _LINE + rows * step)
    sheet = Image.new("RGB", size, _SHEET)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_FONT_SIZE)
    draw.text((_GAP, _GAP / 2), _summary(labels, predictions), _INK, font)
    for index, (image, label, prediction) in enumerate(
        zip(images, labels.tolist(), predictions.tolist(), strict=True)
    ):
        row, column = divmod(index, columns)
        left = _GAP + column * (_CELL + _GAP)
        top = _GAP + _LINE + row * step
        right = label == prediction
        frame = (left, top, left + _CELL - 1, top + _CELL - 1)
        draw.rectangle(frame, _PAPER, _FRAME if right else _WRONG, 1 if right else _BORDER)
        sheet.paste(_painted(image), (left + _BORDER, top + _BORDER))
        middle, below = left + _CELL / 2, top + _CELL + _LINE / 2
        draw.text((middle, below), f"label {label}", _MUTED, font, anchor="mm")
        colour = _INK if right else _WRONG
        draw.text((middle, below + _LINE), f"predicted {prediction}", colour, font, anchor="mm")
    sheet.save(path, format="PNG")


def digits_as_text(
    images: torch.Tensor,
    labels: torch.Tensor,
    predictions: torch.Tensor,
    columns: int = 5,
    *,
    ascii_only: bool = False,
) -> Text:
    """Draw digits side by side for the terminal, each with label and prediction below it.

    A digit takes 12 x 6 characters and a row of them eight lines with the words and an empty line;
    five columns fit into 75 characters. The ink has the terminal's own text colour. A wrong
    prediction is red, and has an exclamation mark for those who see no colours.

    Args:
        images: any real dtype, [N, 8, 8], 0 (paper) to 16 (ink).
        labels: integers [N], what each digit is.
        predictions: integers [N], what the model took it for.
        columns: digits in a row.
        ascii_only: use no character outside ASCII (rich's `console.options.ascii_only` tells when).

    Returns:
        Text that ends without a newline: print it on a rich console, or take its `plain`.

    Raises:
        ValueError: there is no digit to draw, or the shapes do not fit together.
    """
    _check(images, labels, predictions, columns)
    lines: list[Text] = []
    for start in range(0, len(images), columns):
        part = slice(start, start + columns)
        if lines:
            lines.append(Text())
        drawn = [_dotted(image, _ASCII if ascii_only else _BLOCKS) for image in images[part]]
        for pieces in zip(*drawn, strict=True):
            lines.append(Text("".join(piece.ljust(_STEP) for piece in pieces).rstrip()))
        lines.append(_captions(labels[part], predictions[part], "->" if ascii_only else "→"))
    return Text("\n").join(lines)


def _check(
    images: torch.Tensor, labels: torch.Tensor, predictions: torch.Tensor, columns: int
) -> None:
    count = len(images)
    fits = images.ndim == 3 and labels.shape == (count,) and predictions.shape == (count,)
    if not fits or count == 0:
        raise ValueError(
            "Expected images [N, 8, 8] with labels [N] and predictions [N], N at least 1; got "
            f"{list(images.shape)}, {list(labels.shape)} and {list(predictions.shape)}."
        )
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}.")


def _summary(labels: torch.Tensor, predictions: torch.Tensor) -> str:
    count = len(labels)
    wrong = int((labels != predictions).sum())
    return f"{count} digit{'' if count == 1 else 's'}: {count - wrong} right, {wrong} wrong"


def _enlarged(image: torch.Tensor, size: int) -> torch.Tensor:
    """Enlarge a digit [H, W] smoothly to float32 [size, size], 0 (paper) to 1 (ink)."""
    ink = image.to(torch.float32)[None, None] / MAX_INTENSITY
    smooth = functional.interpolate(ink, size=(size, size), mode="bicubic", align_corners=False)
    return smooth[0, 0].clamp(0, 1)


def _painted(image: torch.Tensor) -> Image.Image:
    # The digits touch the edge of their 8x8 pixels; a pixel of paper around them lets them end.
    framed = functional.pad(image, (1, 1, 1, 1))
    ink = (_enlarged(framed, _DIGIT) * 255).round().to(torch.uint8)
    size = (_DIGIT, _DIGIT)
    mask = Image.frombytes("L", size, bytes(ink.flatten().tolist()))
    return Image.composite(Image.new("RGB", size, _INK), Image.new("RGB", size, _PAPER), mask)


def _dotted(image: torch.Tensor, characters: str) -> list[str]:
    dots = (_enlarged(image, _DOTS) > 0.45).int()
    pairs = 2 * dots[0::2] + dots[1::2]
    return ["".join(characters[pair] for pair in row) for row in pairs.tolist()]


def _captions(labels: torch.Tensor, predictions: torch.Tensor, arrow: str) -> Text:
    line = Text()
    for label, prediction in zip(labels.tolist(), predictions.tolist(), strict=True):
        words = f"{label} {arrow} {prediction}".center(_DOTS).rstrip()
        right = label == prediction
        words += "" if right else " !"
        line.append(words, style="" if right else "bold red")
        line.append(" " * (_STEP - len(words)))
    line.rstrip()
    return line
