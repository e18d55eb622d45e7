from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from symbiote_cli import digits
from symbiote_cli._optional import MissingPackageError, needs

# Of the images and labels of the quarter that was held out when the shipped model was trained.
SPLIT_SHA256 = "a67dc9755fe35e2eb98d3adc3a4e0ec4d459d8c489a2c7eb44200ee269dcfbd2"


@pytest.fixture(scope="module")
def held_out() -> digits.DigitSet:
    pytest.importorskip("sklearn", exc_type=ImportError)
    return digits.load_test_digits()


@pytest.fixture(scope="module")
def training() -> digits.DigitSet:
    pytest.importorskip("sklearn", exc_type=ImportError)
    return digits.load_train_digits()


@pytest.fixture(scope="module")
def loaded() -> tuple[Any, dict[str, Any]]:
    transformers = pytest.importorskip("transformers", exc_type=ImportError)
    model, info = transformers.ViTForImageClassification.from_pretrained(
        digits.model_path(), local_files_only=True, output_loading_info=True
    )
    return model.eval(), info


@torch.inference_mode()
def classify(model: Any, pixel_values: torch.Tensor) -> torch.Tensor:
    return model(pixel_values=pixel_values.to(model.dtype)).logits.argmax(-1)


def test_the_digits_have_the_documented_shapes_dtypes_and_range(
    held_out: digits.DigitSet, training: digits.DigitSet
) -> None:
    for part, count in ((held_out, 450), (training, 1347)):
        pixel_values, labels, images = part
        assert (pixel_values.dtype, pixel_values.shape) == (torch.float32, (count, 3, 32, 32))
        assert (labels.dtype, labels.shape) == (torch.int64, (count,))
        assert (images.dtype, images.shape) == (torch.uint8, (count, 8, 8))
        assert pixel_values.is_contiguous()
        assert (pixel_values.min(), pixel_values.max()) == (-1, 1)
        assert (images.min(), images.max()) == (0, 16)
        assert set(labels.tolist()) == set(range(10))


def test_the_held_out_digits_are_those_the_model_was_not_trained_on(
    held_out: digits.DigitSet,
) -> None:
    # Another split would put training digits among them, and the accuracy would mean nothing.
    content = bytes(held_out.images.flatten().tolist()) + bytes(held_out.labels.tolist())
    assert hashlib.sha256(content).hexdigest() == SPLIT_SHA256


def test_no_digit_is_on_both_sides(held_out: digits.DigitSet, training: digits.DigitSet) -> None:
    unseen = {bytes(image.flatten().tolist()) for image in held_out.images}
    seen = {bytes(image.flatten().tolist()) for image in training.images}
    assert len(unseen) + len(seen) == 1797
    assert not unseen & seen


def test_preprocess_keeps_flat_areas_and_repeats_the_channels() -> None:
    images = torch.zeros(3, 8, 8, dtype=torch.uint8)
    images[1] = 16
    images[2, :, 4:] = 8
    values = digits.preprocess(images)
    assert torch.equal(values[0], torch.full((3, 32, 32), -1.0))
    assert torch.equal(values[1], torch.full((3, 32, 32), 1.0))
    assert torch.equal(values[2, :, :, -8:], torch.zeros(3, 32, 8))
    assert torch.equal(values[:, 0], values[:, 2])


def test_the_folder_is_complete_and_small() -> None:
    folder = digits.model_path()
    assert (folder / "model.safetensors").stat().st_size <= 1_000_000
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["ViTForImageClassification"]
    assert (config["image_size"], config["num_channels"]) == (32, 3)
    # TTNN splits heads only if their size is a multiple of 32.
    assert config["hidden_size"] // config["num_attention_heads"] % 32 == 0
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card
    assert "CC BY 4.0" in card


def test_every_weight_of_the_model_is_in_the_file(loaded: tuple[Any, dict[str, Any]]) -> None:
    _, info = loaded
    assert {name: list(found) for name, found in info.items() if found} == {}


def test_the_model_reads_the_held_out_digits(
    loaded: tuple[Any, dict[str, Any]], held_out: digits.DigitSet
) -> None:
    predictions = classify(loaded[0], held_out.pixel_values)
    wrong = int((predictions != held_out.labels).sum())
    assert wrong <= 0.025 * 450
    card = (digits.model_path() / "README.md").read_text(encoding="utf-8")
    assert f"({wrong} of 450 held-out digits wrong)" in card


def test_bfloat16_changes_at_most_one_prediction(
    loaded: tuple[Any, dict[str, Any]], held_out: digits.DigitSet
) -> None:
    model = loaded[0]
    full = classify(model, held_out.pixel_values)
    rounded_model = type(model)(model.config)
    rounded_model.load_state_dict(model.state_dict())
    rounded = classify(rounded_model.eval().bfloat16(), held_out.pixel_values)
    assert int((full != rounded).sum()) <= 1


def test_an_untrained_model_fails_what_the_shipped_one_passes(
    loaded: tuple[Any, dict[str, Any]], held_out: digits.DigitSet
) -> None:
    model = loaded[0]
    predictions = classify(type(model)(model.config).eval(), held_out.pixel_values)
    assert (predictions == held_out.labels).float().mean() < 0.5


def test_the_image_processor_prepares_images_as_preprocess_does(
    held_out: digits.DigitSet,
) -> None:
    transformers = pytest.importorskip("transformers", exc_type=ImportError)
    image_module = pytest.importorskip("PIL.Image")
    processor = transformers.ViTImageProcessor.from_pretrained(
        digits.model_path(), local_files_only=True
    )
    grey = (held_out.images[:20].float() * (255 / 16)).round().to(torch.uint8)
    pictures = [
        image_module.frombytes("L", (8, 8), bytes(image.flatten().tolist())) for image in grey
    ]
    values = processor(images=pictures, return_tensors="pt")["pixel_values"]
    # The processor rounds to 8 bits, once before and once after it enlarges.
    torch.testing.assert_close(values, held_out.pixel_values[:20], rtol=0, atol=2.5 / 255)


def test_a_missing_model_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digits, "__file__", str(tmp_path / "digits.py"))
    with pytest.raises(FileNotFoundError) as caught:
        digits.model_path()
    assert str(caught.value) == (
        "The digits model is missing: there is no "
        f"{tmp_path.resolve() / 'data' / 'digits-vit' / 'model.safetensors'}. Reinstall "
        "symbiote-cli, or train the model anew with tools/train_digits_vit.py."
    )


def test_missing_scikit_learn_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingPackageError) as caught:
        digits.load_test_digits()
    assert str(caught.value) == (
        "scikit-learn is needed to load the handwritten digits, and it is not installed. "
        "Install it with: pip install scikit-learn"
    )
    assert (caught.value.package, caught.value.name) == ("scikit-learn", "sklearn.datasets")


def test_other_errors_of_an_optional_import_stay_what_they_are() -> None:
    with pytest.raises(ImportError, match="broken") as caught, needs("something", "do it"):
        raise ImportError("broken")
    assert not isinstance(caught.value, MissingPackageError)


@pytest.fixture
def script(training_script: Callable[[str], ModuleType]) -> ModuleType:
    pytest.importorskip("sklearn", exc_type=ImportError)
    return training_script("train_digits_vit")


def test_the_training_script_writes_what_it_trained_and_repeats_itself(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = []
    for name in ("first", "second"):
        options = ["--epochs=1", "--batch-size=450", "--min-accuracy=0", "--output"]
        assert script.main([*options, str(tmp_path / name)]) == 0
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    files = {path.name for path in (tmp_path / "first").iterdir()}
    assert files == {path.name for path in digits.model_path().iterdir()}
    assert "accuracy in float32:" in capsys.readouterr().out


def test_the_training_script_writes_no_bad_model(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bad"
    assert script.main(["--epochs=1", "--batch-size=450", "--output", str(folder)]) == 1
    assert not folder.exists()
    assert "Below 97.50%: nothing was written." in capsys.readouterr().out
