"""The example draws both models' boxes, and says how far apart they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageChops

EXAMPLE = Path(__file__).parents[3] / "examples" / "owlvit_boxes.py"


def test_the_example_draws_both_models_boxes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--device", "emulator", "--out", "boxes.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "The weights are random" in done.stdout
    assert "0 fallbacks" in done.stdout
    told = done.stdout.partition("Logits: PCC ")[2]
    assert float(told.split()[0].rstrip(".")) > 0.999
    with Image.open(tmp_path / "boxes.png") as both:
        assert both.size == (2 * 640, 427)
        halves = [both.crop((left, 20, left + 640, 427)).convert("RGB") for left in (0, 640)]
    # Beneath the captions the halves differ by boxes at the threshold, if at all.
    different = ImageChops.difference(*halves).convert("L").point(lambda v: 255 if v else 0)
    assert different.histogram()[255] < 0.005 * 640 * 407
