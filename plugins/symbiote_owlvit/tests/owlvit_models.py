"""Small OWL-ViTs with seeded weights, their inputs, and how their outputs are compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from owlvit_base import queries, seeded
from transformers import (
    OwlViTConfig,
    OwlViTForObjectDetection,
    OwlViTModel,
    OwlViTTextModel,
    OwlViTVisionModel,
)

from symbiote_core import pcc, relative_rms

LAST = 99
"""The highest id of the small vocabulary, which ends a text."""


def config(text: dict[str, Any] | None = None, vision: dict[str, Any] | None = None) -> Any:
    """Two layers a tower, images of 32 x 32 pixels in 16 patches, heads of 32."""
    sizes = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    words = {"vocab_size": LAST + 1, "bos_token_id": LAST - 1, "eos_token_id": LAST}
    read = sizes | words | {"max_position_embeddings": 16} | (text or {})
    seen = sizes | {"image_size": 32, "patch_size": 8} | (vision or {})
    return OwlViTConfig(text_config=read, vision_config=seen, projection_dim=64)


def build(
    kind: str = "detector",
    text: dict[str, Any] | None = None,
    vision: dict[str, Any] | None = None,
    attention: str = "sdpa",
) -> Any:
    """A model in eval mode; the same weights every time."""
    whole = config(text, vision)
    choices: dict[str, tuple[Any, Any]] = {
        "detector": (OwlViTForObjectDetection, whole),
        "model": (OwlViTModel, whole),
        "text": (OwlViTTextModel, whole.text_config),
        "vision": (OwlViTVisionModel, whole.vision_config),
    }
    cls, chosen = choices[kind]
    if hasattr(cls, "_supports_sdpa") and cls._supports_sdpa:  # 4.57 knows no other than eager
        chosen._attn_implementation = attention
    return seeded(cls(chosen))


def texts(count: int = 4, length: int = 16) -> torch.Tensor:
    """Ids of queries, [count, length]."""
    return queries(count, length, LAST)


def padding_of(ids: torch.Tensor) -> torch.Tensor:
    """The mask [B, S] that a tokenizer gives with them: one up to the last token, then zero."""
    return (ids != 0).long()


def images(batch: int = 2, size: tuple[int, int] = (32, 32), seed: int = 1) -> torch.Tensor:
    """Seeded pixel values [batch, 3, height, width]."""
    return torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(seed))


def inputs(kind: str) -> dict[str, Any]:
    """What a model of a kind is called with: two images, four texts with padding."""
    ids = texts()
    read = {"input_ids": ids, "attention_mask": padding_of(ids)}
    seen = {"pixel_values": images()}
    return {"detector": read | seen, "model": read | seen, "text": read, "vision": seen}[kind]


def tensors(output: Any, path: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor in a model's output, and what it is called."""
    for name, value in output.items():
        if isinstance(value, torch.Tensor):
            yield f"{path}{name}", value
        elif isinstance(value, tuple):
            yield from ((f"{path}{name}.{i}", part) for i, part in enumerate(value))
        elif value is not None:
            yield from tensors(value, f"{path}{name}.")


def assert_close(expected: torch.Tensor, actual: torch.Tensor, rms: float = 0.03) -> None:
    """Shape and dtype equal, correlation and scale kept."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert relative_rms(expected, actual) < rms
    assert expected.ndim == 0 or pcc(expected, actual) > 0.999


def assert_all_close(expected: Any, actual: Any, rms: float = 0.03) -> None:
    """Two outputs have the same tensors, plain ones and close."""
    found = dict(tensors(actual))
    wanted = dict(tensors(expected))
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert type(found[name]) is torch.Tensor, name
        assert_close(value, found[name], rms)


def chosen_boxes(model: Any, pixels: torch.Tensor) -> Any:
    """The places of the boxes that stand for what is in query images; None if there is none."""
    features = model.image_embedder(pixels)[0]
    return model.embed_image_query(features.flatten(1, 2), features)[1]


def clear_query(model: Any, size: tuple[int, int] = (32, 32), batch: int = 2) -> torch.Tensor:
    """Images whose boxes torch chooses whatever a little noise does: rounding does not decide."""
    for seed in range(2, 100):
        pixels = images(batch, size, seed=seed)
        chosen = chosen_boxes(model, pixels)
        noisy = (pixels + 0.1 * images(batch, size, seed=100 + times) for times in range(8))
        if all(chosen.equal(chosen_boxes(model, other)) for other in noisy):
            return pixels
    raise AssertionError("noise decides everywhere")
