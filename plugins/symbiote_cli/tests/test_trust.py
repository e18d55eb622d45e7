"""``--trust-remote-code``: code that a model brings along runs if it is given, and only then."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
import transformers.dynamic_module_utils

from symbiote_cli import checking, checking_worker
from symbiote_cli.errors import CommandError

CODE = """
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import ImageClassifierOutput


class MineConfig(PretrainedConfig):
    model_type = "mine"
    num_channels, image_size = 3, 8


class MineModel(PreTrainedModel):
    config_class = MineConfig
    main_input_name = "pixel_values"

    def __init__(self, config):
        super().__init__(config)
        self.head = nn.Linear(3 * 8 * 8, 4)
        self.post_init()

    def forward(self, pixel_values):
        return ImageClassifierOutput(logits=self.head(pixel_values.flatten(1)))
"""

CONFIG = {
    "model_type": "mine",
    "architectures": ["MineModel"],
    "auto_map": {
        "AutoConfig": "mine.MineConfig",
        "AutoModelForImageClassification": "mine.MineModel",
    },
}


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model whose code is its own."""
    modules = str(tmp_path / "modules")
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", modules)
    monkeypatch.syspath_prepend(modules)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "mine.py").write_text(CODE)
    return folder


ARGUMENTS = {
    "plan": ("plan", "--include", "head", "--policy", "linear"),
    "explain": ("explain", "head"),
    "run": ("run", "--random-weights", "--device", "emulator", "--policy", "linear"),
}


@pytest.fixture
def linear(fresh_plugins: None) -> None:
    """A policy ``linear`` for any model."""
    from torch import nn

    from symbiote_core import Policy, Rule, hookimpl, plugin_manager

    class Plugin:
        symbiote_api = "1"

        @hookimpl
        def symbiote_policies(self) -> list[Policy]:
            return [Policy("linear", (), (Rule(nn.Linear, "TTNNLinear"),))]

    plugin_manager().register(Plugin(), "linear")


@pytest.mark.usefixtures("linear")
@pytest.mark.parametrize("command", ARGUMENTS)
def test_with_it_the_models_own_class_is_taken(symbiote: Any, own_code: Path, command: str) -> None:
    name, *rest = ARGUMENTS[command]
    result = symbiote(name, own_code, *rest, "--trust-remote-code", "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["model_class"] == "MineModel"
    assert f"MineModel is code that {own_code} brought along." in data["notes"]


@pytest.mark.parametrize("command", ARGUMENTS)
def test_without_it_nothing_of_the_code_runs(
    symbiote: Any, own_code: Path, tmp_path: Path, command: str
) -> None:
    with (own_code / "mine.py").open("a") as file:
        file.write(f"open({str(tmp_path / 'ran')!r}, 'w')")
    name, *rest = ARGUMENTS[command]
    result = symbiote(name, own_code, *rest)
    assert result.exit_code == 2
    assert "Read that code, and give --trust-remote-code to run it" in result.stderr
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "modules").exists()


@pytest.mark.parametrize("given", [True, False])
def test_check_passes_it_to_its_processes(
    symbiote: Any, vit_folder: Path, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    seen: list[Any] = []

    def stop(*args: Any) -> None:
        seen.append(args[-1])
        raise CommandError("seen")

    monkeypatch.setattr(checking, "check", stop)
    symbiote("check", vit_folder, *["--trust-remote-code"] * given)
    monkeypatch.setattr(checking_worker.Source, "of", stop)
    asked = attrs.asdict(seen.pop())
    with pytest.raises(CommandError, match="seen"):
        checking_worker._check(asked, SimpleNamespace(tell=lambda **_: None))  # type: ignore[arg-type]
    assert seen == [given]
