"""``symbiote explain``: the policies and kernels there were for a module, and why each or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import transformers


@pytest.fixture
def layers(vit_folder: Path) -> str:
    """Where the tiny ViT has its layers, which depends on transformers."""
    config = transformers.AutoConfig.from_pretrained(vit_folder)
    model = transformers.AutoModelForImageClassification.from_config(config)
    (found,) = (
        n for n, m in model.named_modules() if type(m).__name__ == "ViTLayer" and n[-1] == "0"
    )
    return found.removesuffix(".0")


def words(result: Any) -> str:
    """What a command shows, without its layout."""
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    return " ".join(result.stdout.split())


def test_a_module_its_policy_and_its_kernels(symbiote: Any, vit_folder: Path) -> None:
    shown = words(symbiote("explain", vit_folder, "classifier"))
    assert "vit vit 0 yes for model type 'vit'" in shown
    assert "vit-fine vit -10 no for model type 'vit', but of lower priority than vit" in shown
    assert "Outcome replaced by TTNNLinear (plugin ttnn, symbiote-ttnn 0.1.0)" in shown
    assert "TTNNLinear ttnn 0 yes" in shown


def test_modules_alike_share_a_section(symbiote: Any, vit_folder: Path, layers: str) -> None:
    shown = words(symbiote("explain", vit_folder, f"{layers}.*.layernorm_before"))
    assert f"Module {layers}.*.layernorm_before (2)" in shown
    assert f"Outcome covered by TTNNViTLayer, which replaces '{layers}.*'" in shown
    assert shown.count("Module") == 1


def test_one_module_keeps_its_number(symbiote: Any, vit_folder: Path, layers: str) -> None:
    shown = words(symbiote("explain", vit_folder, f"{layers}.1.layernorm_before"))
    assert f"which replaces '{layers}.1'" in shown


def test_options_of_the_plan(symbiote: Any, vit_folder: Path, layers: str) -> None:
    args = ("--exclude", f"{layers}.0.layernorm_before")
    assert "TTNNViTLayer would cover an excluded module" in words(
        symbiote("explain", vit_folder, f"{layers}.0", *args)
    )
    fine = words(symbiote("explain", vit_folder, f"{layers}.0", "--policy", "vit-fine"))
    assert "vit-fine vit -10 yes asked for by name" in fine
    assert "policy 'vit-fine' has no rule for it here" in fine


def test_json(symbiote: Any, vit_folder: Path, layers: str) -> None:
    result = symbiote("explain", vit_folder, f"{layers}.*", "--json")
    data = json.loads(result.stdout)
    assert data["model_class"] == "ViTForImageClassification"
    assert [(p["name"], p["taken"]) for p in data["policies"]] == [
        ("vit", True),
        ("vit-fine", False),
        ("generic", False),
    ]
    assert data["problem"] == ""
    first = data["modules"][0]
    assert (first["path"], first["module_class"]) == (f"{layers}.0", "ViTLayer")
    assert first["kernel"] == "TTNNViTLayer"
    (kernel,) = first["candidates"]
    assert kernel.pop("why").startswith("the first rule with a kernel that fits is rule ")
    assert kernel == {
        "kernel": "TTNNViTLayer",
        "plugin": "vit",
        "priority": 0,
        "replaces": "transformers.models.vit.modeling_vit.ViTLayer",
        "supported": True,
        "taken": True,
    }


def test_a_path_that_is_not_there_names_near_ones(symbiote: Any, vit_folder: Path) -> None:
    result = symbiote("explain", vit_folder, "clasifier")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "path='clasifier' matches none of the model's" in result.stderr
    assert "Close to it: 'classifier'." in result.stderr


def test_a_model_without_a_policy_is_explained_too(symbiote: Any, tmp_path: Path) -> None:
    config = {"architectures": ["BertModel"], "model_type": "bert", "hidden_size": 32}
    config |= {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    (tmp_path / "config.json").write_text(json.dumps(config))
    shown = words(symbiote("explain", tmp_path, "pooler.dense", "--policy", "nobody's"))
    assert 'No policy for the name "nobody\'s"' in shown
    assert "Outcome the model can't be planned" in shown
    assert "there is no policy for the model" in shown


def test_the_model_itself(symbiote: Any, vit_folder: Path) -> None:
    assert "Module (the model)" in words(symbiote("explain", vit_folder, ""))
