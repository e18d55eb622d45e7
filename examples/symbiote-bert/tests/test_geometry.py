"""A BERT of bert-base's size on the emulator: module by module, and whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from bert_models import inputs, seeded
from transformers import BertConfig, BertModel

from symbiote_core import (
    accelerate,
    close_device,
    open_device,
    pcc,
    relative_rms,
    report,
    set_run_mode,
)


@pytest.fixture(scope="module")
def seen() -> Iterator[Any]:
    """What torch and the swapped model give, and how far each module is from torch."""
    device = open_device("emulator")
    with torch.no_grad():
        model = seeded(BertModel(BertConfig()))
        given = inputs((128, 77), 30522)
        wanted = model(**given)
        accelerate(model, device, strict=True)
        found = model(**given)
        ran = report(model)
        set_run_mode(model, "compare")
        model(**given)
        yield wanted, found, ran, report(model).modules
    close_device(device)


def test_every_module_agrees_with_torch(seen: Any) -> None:
    compared = [module for module in seen[3] if module.kernel != "TTNNBertEncoder"]
    paths = [path for module in compared for path in module.paths]
    assert len(paths) == 12 + 2
    for module in compared:
        assert module.pcc >= 0.999, module
        assert module.relative_rms < 0.02, module


@pytest.mark.parametrize("name", ["last_hidden_state", "pooler_output"])
def test_the_outputs_agree_with_torch(seen: Any, name: str) -> None:
    wanted, found = seen[0][name], seen[1][name]
    assert pcc(wanted, found) > 0.999
    assert relative_rms(wanted, found) < 0.03


def test_nothing_ran_on_torch(seen: Any) -> None:
    assert (seen[2].fallbacks, seen[2].op_fallbacks) == ((), ())
