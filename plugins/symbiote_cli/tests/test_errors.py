"""What bad input gets: one message that says what to do, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from symbiote_cli import listing


def failed(result: Any, code: int = 2) -> str:
    """The message of a command that failed as it should: on stderr, without traceback."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return str(result.stderr)


def test_a_path_that_is_not_there(symbiote: Any, tmp_path: Path) -> None:
    message = failed(symbiote("plan", tmp_path / "nope"))
    assert message == (
        f"Error: There is no file or folder '{tmp_path / 'nope'}'. MODEL is a Hugging Face id such "
        "as google/vit-base-patch16-224, a local folder, or a config.json.\n"
    )


def test_a_folder_without_configuration(symbiote: Any, tmp_path: Path) -> None:
    message = failed(symbiote("run", tmp_path))
    assert f"The folder {tmp_path} has no config.json" in message
    assert "model.save_pretrained" in message


def test_a_file_that_is_no_configuration(symbiote: Any, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    message = failed(symbiote("run", tmp_path / "model.safetensors"))
    assert "Give the folder that holds the model." in message


def test_a_configuration_that_is_no_json(symbiote: Any, vit_folder: Path) -> None:
    (vit_folder / "config.json").write_text("{")
    assert f"Can't read the configuration of {vit_folder}:" in failed(symbiote("plan", vit_folder))


def test_an_id_that_can_not_be_had(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    def refuse(*args: Any, **kwargs: Any) -> None:
        assert kwargs["trust_remote_code"] is False
        raise OSError("We couldn't connect to 'https://huggingface.co'\nmore of it")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", refuse)
    assert failed(symbiote("plan", "some/model")) == (
        "Error: Can't read the configuration of some/model: We couldn't connect to "
        "'https://huggingface.co' Check the id and the connection, or give a local folder.\n"
    )


def test_code_of_a_model_is_not_run_unasked(symbiote: Any, tmp_path: Path) -> None:
    config = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.MyConfig"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    message = failed(symbiote("plan", tmp_path))
    assert "it needs Python code from its repository. Read that code, and give" in message
    assert "--trust-remote-code to run it" in message
    assert not (tmp_path / "ran").exists()


def test_only_safetensors_are_loaded(symbiote: Any, vit_folder: Path) -> None:
    torch.save({}, vit_folder / "pytorch_model.bin")
    message = failed(symbiote("run", vit_folder, "--device", "emulator"))
    assert "Only safetensors are loaded, because other formats can run code." in message


def test_an_unknown_architecture(symbiote: Any, vit_folder: Path) -> None:
    config = json.loads((vit_folder / "config.json").read_text())
    config["architectures"] = ["ViTForTelepathy"]
    (vit_folder / "config.json").write_text(json.dumps(config))
    message = failed(symbiote("plan", vit_folder))
    assert "is a ViTForTelepathy, which transformers" in message


def test_a_configuration_has_no_weights(symbiote: Any, vit_folder: Path) -> None:
    message = failed(symbiote("run", vit_folder / "config.json", "--device", "emulator"))
    assert "Add --random-weights, or give the folder with the weights." in message


def test_an_unknown_device(symbiote: Any, vit_folder: Path) -> None:
    message = failed(symbiote("run", vit_folder, "--random-weights", "--device", "abacus"))
    assert "No runtime knows the device 'abacus'" in message
    assert "'emulator'" in message


def test_an_unknown_policy(symbiote: Any, vit_folder: Path) -> None:
    message = failed(symbiote("plan", vit_folder, "--policy", "nope"))
    assert "No policy for the name 'nope'. Policies there are: generic, llama," in message
    assert "vit, vit-fine" in message


def test_a_pattern_that_matches_nothing(symbiote: Any, vit_folder: Path) -> None:
    message = failed(symbiote("plan", vit_folder, "--exclude", "clasifier"))
    assert "exclude='clasifier' matches none of the model's" in message
    assert "Close to it: 'classifier'" in message


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--image", "nope.jpg", "There is no image nope.jpg."),
        ("--image", __file__, "can't be read as an image"),
        ("--text", "hello", "ViTForImageClassification takes no text. Leave --text out."),
    ],
)
def test_input_that_does_not_fit(
    symbiote: Any, vit_folder: Path, option: str, value: str, message: str
) -> None:
    args = ("run", vit_folder, "--random-weights", "--device", "emulator", option, value)
    assert message in failed(symbiote(*args))


def test_a_number_out_of_range(symbiote: Any, vit_folder: Path) -> None:
    result = symbiote("run", vit_folder, "--repeat", "0")
    assert result.exit_code == 2
    assert "--repeat" in result.stderr


@pytest.mark.usefixtures("fresh_plugins")
def test_an_unknown_variable(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBIOTE_PLUGIN", "vit")
    message = failed(symbiote("plugins"))
    assert "Unknown environment variable SYMBIOTE_PLUGIN." in message
    assert "SYMBIOTE_PLUGINS" in message


def raising(error: BaseException) -> Any:
    def fail(*args: Any) -> None:
        raise error

    return fail


def test_a_defect_is_told_apart(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "find_plugins", raising(ZeroDivisionError("oops")))
    message = failed(symbiote("plugins"), 3)
    assert "Unexpected error: ZeroDivisionError: oops" in message
    assert "Add --verbose to see where it happened." in message


@pytest.mark.parametrize("args", [("-v", "plugins"), ("plugins", "-v"), ("plugins", "--verbose")])
def test_verbose_shows_the_traceback(
    symbiote: Any, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    monkeypatch.setattr(listing, "find_plugins", raising(ZeroDivisionError("oops")))
    result = symbiote(*args)
    assert result.exit_code == 3
    assert "Traceback" in result.stderr
    assert result.stdout == ""


def test_verbosity_does_not_outlast_its_command(
    symbiote: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "find_plugins", raising(ZeroDivisionError("oops")))
    symbiote("-v", "plugins")
    failed(symbiote("plugins"), 3)


def test_ctrl_c(symbiote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "find_plugins", raising(KeyboardInterrupt()))
    assert failed(symbiote("plugins"), 130) == "Interrupted.\n"
