from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from symbiote_cli.drawing import digits_as_text, draw_digits_png

RED = (208, 24, 36)


def strokes(count: int) -> torch.Tensor:
    """Make images [count, 8, 8] of an upright stroke, 16 on 0."""
    images = torch.zeros(count, 8, 8, dtype=torch.uint8)
    images[:, :, 3:5] = 16
    return images


def has_red(path: Path) -> bool:
    with Image.open(path) as picture:
        colours = picture.getcolors(picture.width * picture.height)
    return any(colour == RED for _, colour in colours or [])


def test_the_png_marks_wrong_predictions_and_only_those(tmp_path: Path) -> None:
    labels = torch.tensor([1, 1, 1])
    draw_digits_png(strokes(3), labels, labels, tmp_path / "right.png")
    draw_digits_png(strokes(3), labels, torch.tensor([1, 7, 1]), tmp_path / "wrong.png")
    assert not has_red(tmp_path / "right.png")
    assert has_red(tmp_path / "wrong.png")


def test_the_png_has_rows_and_columns(tmp_path: Path) -> None:
    labels = torch.ones(5, dtype=torch.int64)
    sizes = {}
    for columns in (1, 2, 5, 8):
        path = tmp_path / f"{columns}.png"
        draw_digits_png(strokes(5), labels, labels, str(path), columns)
        with Image.open(path) as picture:
            assert (picture.format, picture.mode) == ("PNG", "RGB")
            sizes[columns] = picture.size
    assert sizes[1][0] < sizes[2][0] < sizes[5][0]
    assert sizes[1][1] > sizes[2][1] > sizes[5][1]
    assert sizes[8] == sizes[5]  # no empty columns


def test_the_png_shows_the_ink_where_it_is(tmp_path: Path) -> None:
    images = strokes(1)
    labels = torch.tensor([1])
    draw_digits_png(images, labels, labels, tmp_path / "a.png")
    draw_digits_png(images * 0, labels, labels, tmp_path / "blank.png")
    with Image.open(tmp_path / "a.png") as drawn, Image.open(tmp_path / "blank.png") as blank:
        centre = (drawn.width // 2, 16 + 22 + 54)
        beside = (drawn.width // 2 - 35, 16 + 22 + 54)
        assert blank.getpixel(centre) == (255, 255, 255)
        assert drawn.getpixel(centre) == (24, 28, 40)
        assert drawn.getpixel(beside) == (255, 255, 255)


def test_the_text_shows_the_digits_and_their_labels() -> None:
    text = digits_as_text(strokes(2), torch.tensor([1, 1]), torch.tensor([1, 7]), columns=2)
    row = "    ████           ████"
    assert text.plain.splitlines() == [row] * 6 + ["   1 → 1          1 → 7 !"]
    marked = [text.plain[span.start : span.end].strip() for span in text.spans if span.style]
    assert marked == ["1 → 7 !"]


def test_the_text_uses_half_characters() -> None:
    images = torch.zeros(1, 8, 8, dtype=torch.uint8)
    images[0, :6] = 16
    label = torch.tensor([0])
    rows = digits_as_text(images, label, label).plain.splitlines()[:6]
    assert [row[:1] for row in rows] == ["█", "█", "█", "█", "▀", ""]


def test_the_text_can_do_without_block_characters() -> None:
    images = strokes(1)
    images[0, 6:] = 0
    label = torch.tensor([1])
    text = digits_as_text(images, label, label, ascii_only=True).plain
    assert text.isascii()
    assert text.splitlines() == ["    ####"] * 4 + ['     ""', "", "   1 -> 1"]


def test_the_text_breaks_into_rows_of_at_most_75_characters() -> None:
    labels = torch.zeros(12, dtype=torch.int64)
    full = torch.full((12, 8, 8), 16, dtype=torch.uint8)
    lines = digits_as_text(full, labels, labels + 1).plain.split("\n")
    assert len(lines) == 3 * 7 + 2
    assert max(len(line) for line in lines) <= 75


@pytest.mark.parametrize("count", [0, 2])
def test_what_does_not_fit_together_is_refused(count: int, tmp_path: Path) -> None:
    labels = torch.zeros(count, dtype=torch.int64)
    predictions = torch.zeros(count // 2, dtype=torch.int64)
    message = (
        rf"^Expected images \[N, 8, 8\] with labels \[N\] and predictions \[N\], N at least 1; got "
        rf"\[{count}, 8, 8\], \[{count}\] and \[{count // 2}\]\.$"
    )
    with pytest.raises(ValueError, match=message):
        digits_as_text(strokes(count), labels, predictions)
    with pytest.raises(ValueError, match=message):
        draw_digits_png(strokes(count), labels, predictions, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_no_columns_are_refused() -> None:
    labels = torch.zeros(1, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"^columns must be at least 1, got 0\.$"):
        digits_as_text(strokes(1), labels, labels, columns=0)
