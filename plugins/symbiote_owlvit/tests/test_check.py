"""``symbiote check`` of OWL-ViTs from their configurations: TTNN takes every call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from owlvit_models import config
from transformers import OwlViTConfig
from typer.testing import CliRunner

from symbiote_cli.app import app


def checked(folder: Path, chosen: Any, architecture: str) -> Any:
    """What the command tells of a model of this configuration, as JSON."""
    chosen.architectures = [architecture]
    chosen.save_pretrained(folder)
    result = CliRunner().invoke(app, ["check", str(folder), "--random-weights", "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def assert_taken(data: Any) -> None:
    """Both chips took everything, and nothing ran on torch."""
    chips = data["architectures"]
    assert len(chips) == 2
    for chip in chips:
        report = chip["report"]
        assert report["fallbacks"] == report["failures"] == 0
        assert report["on_torch"] == report["refusals"] == []
        assert all(m["refused"] == 0 and m["accepted"] > 0 for m in report["modules"])


@pytest.mark.ttnn
def test_a_detector_of_a_released_size(tmp_path: Path) -> None:
    data = checked(tmp_path, OwlViTConfig(), "OwlViTForObjectDetection")
    assert_taken(data)
    assert data["inputs"] == {
        "pixel_values": "[1, 3, 768, 768] float32",
        "input_ids": "[1, 16] int64",
    }
    for chip in data["architectures"]:
        modules = chip["report"]["modules"]
        layers = [m for m in modules if m["module_class"] == "OwlViTEncoderLayer"]
        assert [sum(m["operations"].values()) for m in layers] == [10] * 24


@pytest.mark.ttnn
@pytest.mark.parametrize(
    ("architecture", "part"),
    [
        ("OwlViTModel", None),
        ("OwlViTTextModel", "text_config"),
        ("OwlViTVisionModel", "vision_config"),
    ],
)
def test_the_other_models(tmp_path: Path, architecture: str, part: str | None) -> None:
    whole = config()
    assert_taken(checked(tmp_path, getattr(whole, part) if part else whole, architecture))
