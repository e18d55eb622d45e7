"""A detector of owlvit-base-patch32's size on the emulator: module by module, and whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from owlvit_base import owlvit_base, queries
from owlvit_models import clear_query, images, padding_of, tensors

from symbiote_core import (
    TorchTTNNTensor,
    accelerate,
    close_device,
    open_device,
    pcc,
    relative_rms,
    report,
    set_run_mode,
)

OVER_CHILDREN = ("TTNNOwlViTModel", "TTNNOwlViTText", "TTNNOwlViTVision")
SIZE = (768, 768)


def plain(output: Any) -> dict[str, torch.Tensor]:
    """The tensors of an output, brought to the host."""
    return {
        name: value.to_torch if isinstance(value, TorchTTNNTensor) else value
        for name, value in tensors(output)
    }


@pytest.fixture(scope="module")
def seen() -> Any:
    """What torch and the swapped model give, and how far every module is from torch."""
    told: dict[str, Any] = {}
    device = open_device("emulator")
    with torch.no_grad():
        model = owlvit_base()
        ids = queries(4)
        given = {
            "input_ids": ids,
            "attention_mask": padding_of(ids),
            "pixel_values": images(2, SIZE),
        }
        query = clear_query(model, SIZE, 1)
        guided = images(1, SIZE), query
        wanted = plain(model(**given)), plain(model.image_guided_detection(*guided))
        accelerate(model, device, strict=True)
        found = plain(model(**given)), plain(model.image_guided_detection(*guided))
        told["outputs"] = {
            f"{kind}{name}": (pcc(value, got[name]), relative_rms(value, got[name]))
            for kind, want, got in zip(("", "guided: "), wanted, found, strict=True)
            for name, value in want.items()
        }
        told["report"] = report(model)
        set_run_mode(model, "compare")
        model(**given)
        told["modules"] = {
            (module.kernel, path): (module.pcc, module.relative_rms)
            for module in report(model).modules
            if module.kernel not in OVER_CHILDREN
            for path in module.paths
        }
    close_device(device)
    return told


def test_every_module_agrees_with_torch(seen: Any) -> None:
    assert sum(kernel == "TTNNOwlViTLayer" for kernel, _ in seen["modules"]) == 24
    for module, (correlation, error) in seen["modules"].items():
        assert correlation is not None, module
        assert correlation >= 0.999, module
        assert error < 0.02, module


def test_the_outputs_agree_with_torch(seen: Any) -> None:
    outputs = seen["outputs"]
    assert {"logits", "pred_boxes", "text_embeds", "image_embeds"} <= outputs.keys()
    assert {"guided: logits", "guided: target_pred_boxes"} <= outputs.keys()
    for name, (correlation, error) in outputs.items():
        assert correlation >= 0.99, name
        assert error < 0.05, name


def test_nothing_ran_on_torch(seen: Any) -> None:
    assert seen["report"].fallbacks == ()
    assert seen["report"].op_fallbacks == ()
