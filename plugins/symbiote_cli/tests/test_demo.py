"""``symbiote demo``: the main job, end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from symbiote_cli import demonstration


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_demo(symbiote: Any, tmp_path: Path) -> None:
    result = symbiote("demo")
    assert result.exit_code == 0, result.output
    for text in (
        "ViTLayer → TTNNViTLayer",
        "No fallbacks",
        "450 test digits",
        "torch float32",
        "PCC 0.99",
        "1 upload (",
        "1 download (",
        "3 → 3",
        "ok    nothing fell back to torch",
    ):
        assert text in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stderr == ""
    with Image.open(tmp_path / "symbiote-demo.png") as png:
        assert png.format == "PNG"
    assert [p.name for p in tmp_path.iterdir()] == ["symbiote-demo.png"]


def test_json(symbiote: Any, tmp_path: Path) -> None:
    result = symbiote("demo", "--json", "--no-png", "--batch-size", 150)
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["passed"] is True
    assert data["images"] == 450
    assert data["torch"]["accuracy"] >= 0.96
    assert abs(data["torch"]["correct"] - data["swapped"]["correct"]) <= 1
    assert data["logits_pcc"] > 0.99
    assert data["logits_relative_rms"] < 0.1
    assert data["report"]["fallbacks"] == []
    traffic = data["report"]["traffic"]
    assert traffic["forwards"] == traffic["uploads"] == traffic["downloads"] == 3
    assert data["png"] is None
    assert list(tmp_path.iterdir()) == []


def test_png(symbiote: Any, tmp_path: Path) -> None:
    result = symbiote("demo", "--png", tmp_path / "digits.png", "--policy", "vit-fine", "--json")
    assert json.loads(result.stdout)["png"] == str(tmp_path / "digits.png")
    assert (tmp_path / "digits.png").is_file()


def test_a_png_that_can_not_be_written(symbiote: Any, tmp_path: Path) -> None:
    result = symbiote("demo", "--png", tmp_path / "nowhere" / "digits.png")
    assert result.exit_code == 2
    assert "Choose another place with --png, or --no-png." in result.stderr


def test_too_many_errors_fail(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstration, "MIN_ACCURACY", 1.0)
    result = symbiote("demo", "--no-png")
    assert result.exit_code == 1
    assert "FAILED accuracy at least 100%" in result.stdout


def test_a_difference_fails(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstration, "MAX_DIFFERENCE", -1)
    assert symbiote("demo", "--no-png").exit_code == 1


@pytest.mark.usefixtures("failing_layers")
def test_a_fallback_fails(symbiote: Any) -> None:
    result = symbiote("demo", "--no-png")
    assert result.exit_code == 1
    assert "FAILED nothing fell back to torch" in result.stdout
    assert "no such luck" in result.stdout


def test_ctrl_c_leaves_nothing(
    symbiote: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from symbiote_cli import demonstration_output

    def draw(images: Any, labels: Any, predictions: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(demonstration_output, "draw_digits_png", draw)
    assert symbiote("demo").exit_code == 130
    assert list(tmp_path.iterdir()) == []
