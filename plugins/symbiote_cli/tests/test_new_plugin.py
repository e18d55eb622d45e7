"""``symbiote new-plugin``: what it makes, and what it refuses without leaving anything behind."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from symbiote_cli.scaffold import create

KINDS = {
    "acme-plain": (None, "TTNNFeedForward"),
    "acme-bert": ("bert", "TTNNBertIntermediate"),
    "acme-llama": ("llama", "TTNNLlamaMLP"),
    "acme-gemma": ("gemma", "TTNNGemmaMLP"),
    "acme-t5": ("t5", "TTNNT5DenseActDense"),
    "acme-gpt2": ("gpt2", "TTNNAcmeGpt2Linear"),
    "acme-wav2vec2": ("wav2vec2", "TTNNWav2Vec2FeedForward"),
}
"""By name: the architecture, and the kernel that is made for it."""


def make(symbiote: Any, folder: Path, name: str, *args: Any) -> dict[str, Any]:
    """Make a package; what the command tells of it."""
    result = symbiote("new-plugin", name, "--into", folder, "--json", *args)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def refused(symbiote: Any, folder: Path, name: str, *args: Any) -> str:
    """The message of a command that makes nothing."""
    before = sorted(folder.rglob("*"))
    result = symbiote("new-plugin", name, "--into", folder, *args)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert sorted(folder.rglob("*")) == before
    return str(result.stderr)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of each kind."""
    from typer.testing import CliRunner

    from symbiote_cli.app import app

    folder = tmp_path_factory.mktemp("made")
    for name, (model_type, _) in KINDS.items():
        asked = [] if model_type is None else ["--for", f"transformers:{model_type}"]
        result = CliRunner().invoke(app, ["new-plugin", name, "--into", str(folder), *asked])
        assert result.exit_code == 0, result.output
    return folder


@pytest.mark.parametrize("name", KINDS)
def test_it_has_a_kernel_a_policy_tests_and_ci(made: Path, name: str) -> None:
    package = name.replace("-", "_")
    files = {str(p.relative_to(made / name)) for p in (made / name).rglob("*") if p.is_file()}
    assert files >= {
        ".github/workflows/ci.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        f"src/{package}/__init__.py",
        f"src/{package}/kernels.py",
        f"src/{package}/plugin.py",
        f"src/{package}/py.typed",
        "tests/conftest.py",
        "tests/test_conformance.py",
        "tests/test_kernel.py",
        "tests/test_plugin.py",
    }
    source = (made / name / "src" / package / "kernels.py").read_text()
    (cls,) = (n for n in ast.parse(source).body if isinstance(n, ast.ClassDef))
    assert cls.name == KINDS[name][1]


def test_no_field_is_left_open(made: Path) -> None:
    for path in made.rglob("*"):
        if path.is_file() and path.suffix != ".yml":
            assert "$" not in path.read_text()
    assert "${{ matrix.python }}" in (made / "acme-bert/.github/workflows/ci.yml").read_text()


def test_every_kind_is_clean_for_ruff(made: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", *sorted(made.iterdir())],
            capture_output=True,
            text=True,
            cwd=made,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_kind_is_clean_for_mypy(made: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "acme-bert/pyproject.toml"]
        + [str(folder) for folder in sorted(made.glob("*/src/*"))],
        capture_output=True,
        text=True,
        cwd=made,
        env=os.environ | {"MYPY_CACHE_DIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(list(made.glob('*/src/*/*.py')))} source files" in done.stdout


def test_every_template_is_used(
    symbiote: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: set[Path] = set()
    fill = create._filled

    def remember(file: Path, fields: Any) -> str:
        used.add(file)
        return fill(file, fields)

    monkeypatch.setattr(create, "_filled", remember)
    make(symbiote, tmp_path, "acme-plain", "--license", "MIT")
    make(symbiote, tmp_path, "acme-gpt2", "--for", "transformers:gpt2")
    assert used == {path for path in create.TEMPLATES.rglob("*") if path.is_file()}


def test_json_tells_what_was_made(symbiote: Any, tmp_path: Path) -> None:
    told = make(symbiote, tmp_path, "Symbiote_Acme.Bert", "--for", "transformers:bert")
    files = told.pop("files")
    assert told == {
        "folder": str(tmp_path / "symbiote-acme-bert"),
        "distribution": "symbiote-acme-bert",
        "package": "symbiote_acme_bert",
        "plugin": "acme-bert",
        "kernel": "TTNNBertIntermediate",
        "replaces": "transformers.models.bert.modeling_bert.BertIntermediate",
        "policy": "acme-bert",
        "model_type": "bert",
    }
    assert all((tmp_path / "symbiote-acme-bert" / file).is_file() for file in files)


def test_it_says_what_to_do_next(symbiote: Any, tmp_path: Path) -> None:
    result = symbiote("new-plugin", "acme", "--into", tmp_path)
    assert "Kernel   TTNNFeedForward, which replaces acme.modules.FeedForward" in result.stdout
    assert 'pip install -e ".[test,lint]"' in result.stdout


def test_it_goes_before_installed_policies_and_says_so(symbiote: Any, tmp_path: Path) -> None:
    result = symbiote("new-plugin", "acme", "--into", tmp_path, "--for", "transformers:llama")
    assert "Policies for llama are installed." in result.stderr
    assert "priority=1," in (tmp_path / "acme/src/acme/plugin.py").read_text()


@pytest.mark.parametrize(
    ("asked", "field", "first"),
    [
        ("Apache-2.0", 'license = "Apache-2.0"', "Apache License"),
        ("MIT", 'license = "MIT"', "MIT License"),
        ("none", "", ""),
    ],
)
def test_the_license(symbiote: Any, tmp_path: Path, asked: str, field: str, first: str) -> None:
    make(symbiote, tmp_path, "acme", "--license", asked, "--author", "Ada Lovelace")
    pyproject = (tmp_path / "acme" / "pyproject.toml").read_text()
    assert ("license" in pyproject) is bool(field)
    assert field in pyproject
    file = tmp_path / "acme" / "LICENSE"
    assert file.exists() is bool(first)
    if first:
        assert file.read_text().lstrip().startswith(first)
        assert ("Ada Lovelace" in file.read_text()) is (asked == "MIT")


def test_an_unknown_license(symbiote: Any, tmp_path: Path) -> None:
    message = refused(symbiote, tmp_path, "acme", "--license", "GPL")
    assert message == "Error: --license takes Apache-2.0, MIT, none, not 'GPL'.\n"


@pytest.mark.parametrize("name", ["a b", "_a", "a-", "", "a/b", "ä", "../a", "a\n"])
def test_what_is_no_name(symbiote: Any, tmp_path: Path, name: str) -> None:
    message = refused(symbiote, tmp_path, name)
    assert f"Error: {name!r} is no name of a distribution." in message


@pytest.mark.parametrize("name", ["1a", "class", "3.14"])
def test_what_gives_no_package(symbiote: Any, tmp_path: Path, name: str) -> None:
    assert "which Python can't import." in refused(symbiote, tmp_path, name)


@pytest.mark.parametrize("name", ["torch", "json", "Symbiote-Core", "symbiote.vit"])
def test_what_would_hide_another_module(symbiote: Any, tmp_path: Path, name: str) -> None:
    assert "There is a module" in refused(symbiote, tmp_path, name)


def test_a_plugin_of_this_name_is_installed(symbiote: Any, tmp_path: Path) -> None:
    message = refused(symbiote, tmp_path, "vit")
    assert "A plugin 'vit' is installed already (symbiote-vit 0.1.0)." in message


def test_a_folder_that_is_there_is_left_alone(symbiote: Any, tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "mine").write_text("mine")
    message = refused(symbiote, tmp_path, "acme")
    assert f"{tmp_path / 'acme'} is there already." in message
    assert (tmp_path / "acme" / "mine").read_text() == "mine"


def test_what_fails_half_way_leaves_nothing(
    symbiote: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    original = Path.write_text

    def fail_at_the_fifth(self: Path, *args: Any, **kwargs: Any) -> int:
        written.append(self)
        if len(written) == 5:
            raise OSError("No space left on device")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", fail_at_the_fifth)
    message = refused(symbiote, tmp_path, "acme")
    assert "can't be written: No space left on device" in message
    assert len(written) == 5


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("transformers:bertt", "has no model type 'bertt'. Close to it: 'bert'"),
        ("bert", "--for takes transformers:MODEL_TYPE, such as transformers:bert, not 'bert'."),
        ("transformers:", "--for takes transformers:MODEL_TYPE"),
        ("diffusers:flux", "--for takes transformers:MODEL_TYPE"),
    ],
)
def test_an_unknown_architecture(symbiote: Any, tmp_path: Path, asked: str, told: str) -> None:
    assert told in refused(symbiote, tmp_path, "acme", "--for", asked)


def test_the_folders_above_are_made(symbiote: Any, tmp_path: Path) -> None:
    make(symbiote, tmp_path / "a" / "b", "acme")
    assert (tmp_path / "a" / "b" / "acme" / "pyproject.toml").is_file()
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["acme"]
