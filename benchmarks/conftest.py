"""Devices and data of the benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from symbiote_core import close_device, open_device


@pytest.fixture
def emulator() -> Iterator[Any]:
    device = open_device("emulator")
    yield device
    close_device(device)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="session")
def photograph() -> torch.Tensor:
    """scikit-learn's china.jpg as pixel values [1, 3, 224, 224], as ViT's processor makes them."""
    from sklearn.datasets import load_sample_image

    image = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)[None].float()
    small = torch.nn.functional.interpolate(
        image, size=(224, 224), mode="bilinear", antialias=True, align_corners=False
    )
    return (small / 255 - 0.5) / 0.5
