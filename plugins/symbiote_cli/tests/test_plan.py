"""``symbiote plan``: from the configuration alone, grouped, with reasons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from symbiote_cli.loading import Source, build_empty
from symbiote_cli.tables import shorten
from symbiote_core import NothingReplacedError, report


def test_alike_modules_share_a_row(symbiote: Any, vit_folder: Path) -> None:
    result = symbiote("plan", vit_folder)
    assert result.exit_code == 0, result.output
    assert "ViTForImageClassification" in result.stdout
    assert "(2)" in result.stdout
    assert "ViTLayer → TTNNViTLayer" in result.stdout
    assert "Other policies for it (--policy): vit-fine" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_all_gives_each_module_a_row(symbiote: Any, vit_folder: Path) -> None:
    result = symbiote("plan", vit_folder, "--all")
    assert "layers.0" in result.stdout or "layer.0" in result.stdout
    assert "(2)" not in result.stdout


def test_kept_modules_have_reasons(symbiote: Any, vit_folder: Path) -> None:
    result = symbiote("plan", vit_folder / "config.json", "--policy", "vit-fine")
    assert result.exit_code == 0, result.output
    assert "no rule of policy 'vit-fine'" in result.stdout


def test_excluded_modules_are_kept(symbiote: Any, vit_folder: Path) -> None:
    result = symbiote("plan", vit_folder, "--exclude", "classifier", "--json")
    data = json.loads(result.stdout)
    (kept,) = [k for k in data["kept"] if k["path"] == "classifier"]
    assert kept["reason"] == "excluded by the caller"
    assert "classifier" not in {r["path"] for r in data["replacements"]}


def test_include(symbiote: Any, vit_folder: Path) -> None:
    result = symbiote("plan", vit_folder, "--include", "classifier", "--json")
    assert [r["path"] for r in json.loads(result.stdout)["replacements"]] == ["classifier"]


def test_json(symbiote: Any, vit_folder: Path) -> None:
    result = symbiote("plan", vit_folder, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["policy"] == "vit"
    assert sorted(data["other_policies"]) == ["generic", "vit-fine"]
    assert 0 < data["replaced_parameters"] <= data["parameters"]
    layers = [r for r in data["replacements"] if r["module_class"] == "ViTLayer"]
    assert len(layers) == 2
    assert layers[0]["kernel"] == "TTNNViTLayer"
    assert layers[0]["plugin"] == "vit"
    assert layers[0]["why"] == "rule of policy 'vit' for ViTLayer"


def test_an_architecture_without_a_policy_of_its_own(symbiote: Any, tmp_path: Path) -> None:
    config = {"model_type": "bert", "architectures": ["BertModel"], "num_hidden_layers": 1}
    (tmp_path / "config.json").write_text(json.dumps(config))
    data = json.loads(symbiote("plan", tmp_path, "--json").stdout)
    assert (data["policy"], data["plugin"]) == ("generic", "ttnn")
    assert any("Policy 'generic' is the generic one" in note for note in data["notes"])
    told = symbiote("plan", tmp_path)
    assert told.exit_code == 0, told.output
    assert "it knows layers by their structure, not this BertModel" in " ".join(
        (told.stdout + told.stderr).split()
    )


def test_a_configuration_without_architecture(symbiote: Any, vit_folder: Path) -> None:
    config = json.loads((vit_folder / "config.json").read_text())
    del config["architectures"]
    (vit_folder / "config.json").write_text(json.dumps(config))
    data = json.loads(symbiote("plan", vit_folder, "--json").stdout)
    assert data["model_class"] == "ViTModel"
    assert "config.json names no architecture; ViTModel was taken." in data["notes"]


def test_the_model_of_a_plan_is_real_and_untouched(vit_folder: Path) -> None:
    model = build_empty(Source.of(str(vit_folder))).model
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    with pytest.raises(NothingReplacedError):
        report(model)


def test_a_constructor_that_looks_at_values(
    vit_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import ViTForImageClassification

    init = ViTForImageClassification.__init__

    def looking(self: Any, config: Any) -> None:
        init(self, config)
        float(torch.zeros(1))

    monkeypatch.setattr(ViTForImageClassification, "__init__", looking)
    model = build_empty(Source.of(str(vit_folder))).model
    assert {p.device.type for p in model.parameters()} == {"cpu"}


@pytest.mark.parametrize(
    ("paths", "short"),
    [
        ([""], "(the model)"),
        (["a.b"], "a.b"),
        (["layer.0"], "layer.0"),
        (["layer.0.mlp", "layer.1.mlp"], "layer.*.mlp (2)"),
        (["layer.0.a.1", "layer.2.a.1"], "layer.*.a.1 (2)"),
        (["layer.0.x", "layer.1.x", "norm"], "layer.*.x (2)\nnorm"),
        (["conv1", "conv2"], "conv1\nconv2"),
    ],
)
def test_shorten(paths: list[str], short: str) -> None:
    assert shorten(paths) == short
