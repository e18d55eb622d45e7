"""What the tests of the command line share."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from symbiote_cli.app import app
from symbiote_core import set_plugin_manager

Symbiote = Callable[..., Any]

TOOLS = Path(__file__).resolve().parents[3] / "tools"

TINY_VIT = {
    "architectures": ["ViTForImageClassification"],
    "model_type": "vit",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "image_size": 32,
    "patch_size": 16,
    "id2label": {str(i): f"label {i}" for i in range(10)},
    "label2id": {f"label {i}": i for i in range(10)},
}

TINY_LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 512,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


@pytest.fixture
def symbiote(monkeypatch: pytest.MonkeyPatch) -> Symbiote:
    """Runs a command line; the result has exit_code, stdout and stderr."""
    for name, value in {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    runner = CliRunner()
    return lambda *args: runner.invoke(app, [str(arg) for arg in args])


@pytest.fixture
def fresh_plugins() -> Iterator[None]:
    """The plugins are loaded anew, and what was there before is put back."""
    before = set_plugin_manager(None)
    yield
    set_plugin_manager(before)


@pytest.fixture
def vit_folder(tmp_path: Path) -> Path:
    """A folder with the configuration of a tiny ViT, and nothing else."""
    folder = tmp_path / "tiny-vit"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(TINY_VIT))
    return folder


@pytest.fixture
def llama_folder(tmp_path: Path) -> Path:
    """A folder with the configuration of a tiny Llama, and nothing else."""
    folder = tmp_path / "tiny-llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(TINY_LLAMA))
    return folder


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs a distribution with one plugin, as pip would, for the time of the test."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def do_it(name: str, source: str) -> None:
        info = site / f"symbiote_{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: symbiote-{name}\nVersion: 1.2\n"
        )
        (info / "entry_points.txt").write_text(f"[symbiote]\n{name} = symbiote_{name}_code\n")
        (site / f"symbiote_{name}_code.py").write_text(source)

    return do_it


@pytest.fixture
def training_script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a script that trains a model; torch's settings, which it changes, are put back."""
    pytest.importorskip("transformers", exc_type=ImportError)
    monkeypatch.syspath_prepend(str(TOOLS))
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    yield importlib.import_module
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def unlucky(*_: Any) -> Any:
    """An operation that fails."""
    raise RuntimeError("add: no such luck")


@pytest.fixture
def failing_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """ViT's encoder layers fail on the device, so that they fall back to torch."""
    from symbiote_vit.kernels import layer

    monkeypatch.setattr(layer, "add_in_place", unlucky)


@pytest.fixture
def failing_decoder_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Llama's decoder layers fail on the device, so that they fall back to torch."""
    from symbiote_llama.kernels import layer

    monkeypatch.setattr(layer, "add_in_place", unlucky)
