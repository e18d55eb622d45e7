"""The handwritten digits of the demo: the split, the preprocessing and where the model lies.

The training script, the demo and the tests all take their data from here, so that the model is
never judged on an image it was trained on, nor on pixels prepared in another way.
"""

import importlib
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from symbiote_cli._optional import needs

__all__ = [
    "IMAGE_SIZE",
    "MAX_INTENSITY",
    "NUM_CHANNELS",
    "NUM_CLASSES",
    "SPLIT_SEED",
    "TEST_FRACTION",
    "DigitSet",
    "load_test_digits",
    "load_train_digits",
    "model_path",
    "preprocess",
]

IMAGE_SIZE = 32
"""Height and width of the model's input in pixels: the 8x8 images enlarged four times."""

NUM_CHANNELS = 3
"""Channels of the model's input. The grey value is repeated, so that colour images work too."""

NUM_CLASSES = 10
"""The digits 0 to 9."""

MAX_INTENSITY = 16
"""Brightest value in the data: the ink in a 4x4 block of the scan (scikit-learn's load_digits)."""

TEST_FRACTION = 0.25
"""Share of the images that is held out."""

SPLIT_SEED = 0
"""Seed of the stratified split."""


class DigitSet(NamedTuple):
    """Digits as the model wants them, their labels, and the images they were made of."""

    pixel_values: torch.Tensor
    """float32 [N, 3, 32, 32], in -1 (paper) to 1 (ink)."""

    labels: torch.Tensor
    """int64 [N], 0 to 9."""

    images: torch.Tensor
    """uint8 [N, 8, 8], 0 (paper) to 16 (ink)."""


def load_test_digits() -> DigitSet:
    """Give the digits that the shipped model has not seen.

    Returns:
        450 digits: `pixel_values` float32 [450, 3, 32, 32], `labels` int64 [450] and `images`
        uint8 [450, 8, 8].

    Raises:
        MissingPackageError: scikit-learn is not installed.
    """
    return _load(test=True)


def load_train_digits() -> DigitSet:
    """Give the digits that the shipped model was trained on.

    Returns:
        1347 digits: `pixel_values` float32 [1347, 3, 32, 32], `labels` int64 [1347] and `images`
        uint8 [1347, 8, 8].

    Raises:
        MissingPackageError: scikit-learn is not installed.
    """
    return _load(test=False)


def preprocess(images: torch.Tensor) -> torch.Tensor:
    """Make the model's input of 8x8 digits.

    Enlarge bilinearly, map 0..16 to -1..1 and repeat the grey value in every channel. The folder's
    `preprocessor_config.json` says the same to Hugging Face's image processor, which rounds to 8
    bits on the way.

    Args:
        images: any real dtype, [N, 8, 8], 0 (paper) to 16 (ink).

    Returns:
        float32 [N, 3, 32, 32], contiguous, in -1 (paper) to 1 (ink).
    """
    grey = images.to(torch.float32).unsqueeze(1) / MAX_INTENSITY
    size = (IMAGE_SIZE, IMAGE_SIZE)
    enlarged = functional.interpolate(grey, size=size, mode="bilinear", align_corners=False)
    return (enlarged * 2 - 1).repeat(1, NUM_CHANNELS, 1, 1)


def model_path() -> Path:
    """Give the folder of the shipped ViT, for `ViTForImageClassification.from_pretrained`.

    Returns:
        An existing folder with `config.json`, `model.safetensors` and `preprocessor_config.json`.

    Raises:
        FileNotFoundError: the package was installed without its data.
    """
    folder = Path(__file__).resolve().parent / "data" / "digits-vit"
    if not (folder / "model.safetensors").is_file():
        raise FileNotFoundError(
            f"The digits model is missing: there is no {folder / 'model.safetensors'}. Reinstall "
            "symbiote-cli, or train the model anew with tools/train_digits_vit.py."
        )
    return folder


def _load(*, test: bool) -> DigitSet:
    # Through importlib: scikit-learn has no type annotations, and `Any` says so.
    with needs("scikit-learn", "load the handwritten digits"):
        datasets: Any = importlib.import_module("sklearn.datasets")
        model_selection: Any = importlib.import_module("sklearn.model_selection")
    digits = datasets.load_digits()
    train_indices, test_indices = model_selection.train_test_split(
        range(len(digits.target)),
        test_size=TEST_FRACTION,
        random_state=SPLIT_SEED,
        stratify=digits.target,
    )
    indices = test_indices if test else train_indices
    images = torch.from_numpy(digits.images[indices].astype("uint8"))
    labels = torch.from_numpy(digits.target[indices].astype("int64"))
    return DigitSet(preprocess(images), labels, images)
