"""``symbiote run`` end to end on the emulator."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


def run(symbiote: Any, folder: Path, *more: Any) -> Any:
    return symbiote("run", folder, "--device", "emulator", *more)


def test_random_weights_compared_with_torch(symbiote: Any, vit_folder: Path) -> None:
    result = run(symbiote, vit_folder, "--random-weights", "--compare", "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["model_class"] == "ViTForImageClassification"
    assert data["device"] == "emulator"
    assert data["inputs"] == {"pixel_values": "[1, 3, 32, 32] float32"}
    assert data["outputs"]["logits"] == "[1, 10] float32"
    assert [label["name"][:6] for label in data["labels"]] == ["label "] * 5
    (compared,) = data["comparison"]["outputs"]
    assert compared["pcc"] > 0.99
    assert data["report"]["fallbacks"] == []
    assert all(m["calls"] == 1 for m in data["report"]["modules"])
    assert "The weights are random (seed 0)." in data["notes"]


@pytest.mark.ttnn
def test_ttnns_log_stays_out_of_the_json_to_its_very_end(vit_folder: Path) -> None:
    options = ("--random-weights", "--device", "mock:wormhole_b0", "--json", "--verbose")
    done = subprocess.run(
        [sys.executable, "-m", "symbiote_cli", "run", str(vit_folder), *options],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["device"] == "mock:wormhole_b0"
    assert "Cluster destructor completed" in done.stderr


def test_the_tables(symbiote: Any, vit_folder: Path) -> None:
    result = run(
        symbiote, vit_folder / "config.json", "--random-weights", "--compare", "--repeat", 3
    )
    assert result.exit_code == 0, result.output
    for text in (
        "ViTLayer → TTNNViTLayer",
        "No fallbacks",
        "With torch",
        "Compared with torch",
        "(3 forwards)",
        "1 upload (",
        "1 download (",
    ):
        assert text in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "note: The weights are random (seed 0)." in result.stderr
    assert "china.jpg" in result.stderr


def test_saved_weights_and_an_image(symbiote: Any, vit_folder: Path, tmp_path: Path) -> None:
    from symbiote_cli.loading import Source, build_random

    build_random(Source.of(str(vit_folder)), "auto", 3).model.save_pretrained(tmp_path / "saved")
    Image.effect_noise((40, 40), 50).save(tmp_path / "noise.png")
    image = ("--image", tmp_path / "noise.png", "--json")
    saved = run(symbiote, tmp_path / "saved", *image)
    drawn = run(symbiote, vit_folder, "--random-weights", "--seed", 3, *image)
    other = run(symbiote, vit_folder, "--random-weights", "--seed", 4, *image)
    assert saved.exit_code == drawn.exit_code == other.exit_code == 0, saved.output
    labels = [json.loads(result.stdout)["labels"] for result in (saved, drawn, other)]
    assert labels[0] == labels[1] != labels[2]


def test_weights_that_the_checkpoint_lacks_are_told(
    symbiote: Any, vit_folder: Path, tmp_path: Path
) -> None:
    from symbiote_cli.loading import Source, build_random

    model = build_random(Source.of(str(vit_folder)), "auto", 0).model
    model.vit.save_pretrained(tmp_path / "headless")
    (tmp_path / "headless" / "config.json").write_text((vit_folder / "config.json").read_text())
    result = run(symbiote, tmp_path / "headless", "--json")
    assert result.exit_code == 0, result.output
    notes = " ".join(json.loads(result.stdout)["notes"])
    assert (
        "2 weights are not in the checkpoint and were made up at random: classifier.bias" in notes
    )


def test_dtype(symbiote: Any, vit_folder: Path) -> None:
    result = run(symbiote, vit_folder, "--random-weights", "--dtype", "bfloat16", "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["dtype"] == "bfloat16"
    assert data["inputs"]["pixel_values"].endswith("bfloat16")


def test_weights(symbiote: Any, vit_folder: Path) -> None:
    def compared(*more: str) -> float:
        result = run(symbiote, vit_folder, "--random-weights", "--compare", "--json", *more)
        assert result.exit_code == 0, result.output
        (found,) = json.loads(result.stdout)["comparison"]["outputs"]
        return float(found["relative_rms"])

    assert compared("--weights", "bfloat4_b") > 3 * compared()


def test_auto_says_what_it_chose(symbiote: Any, vit_folder: Path) -> None:
    result = symbiote("run", vit_folder, "--random-weights", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["device"] == "emulator (chosen by auto)"


def test_exclude(symbiote: Any, vit_folder: Path) -> None:
    result = run(symbiote, vit_folder, "--random-weights", "--exclude", "classifier", "--json")
    paths = [m["paths"][0] for m in json.loads(result.stdout)["report"]["modules"]]
    assert paths
    assert "classifier" not in paths


@pytest.mark.usefixtures("failing_layers")
def test_fallbacks_are_shown_once(symbiote: Any, vit_folder: Path) -> None:
    result = run(symbiote, vit_folder, "--random-weights")
    assert result.exit_code == 0, result.output
    assert "Fell back to torch" in result.stdout
    assert result.stdout.count("no such luck") == 1  # for both layers
    assert "no such luck" not in result.stderr


@pytest.mark.usefixtures("failing_layers")
def test_strict(symbiote: Any, vit_folder: Path) -> None:
    result = run(symbiote, vit_folder, "--random-weights", "--strict")
    assert result.exit_code == 2
    assert "no such luck" in result.stderr
    assert "Strict mode runs nothing on torch" in result.stderr
    assert result.stdout == ""
