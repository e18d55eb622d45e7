"""``output_hidden_states`` and ``output_attentions`` give what torch gives."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from vit_models import assert_close, build, images

from symbiote_core import FallbackWarning, accelerate, report


@pytest.mark.parametrize("policy", ["vit", "vit-fine"])
def test_hidden_states(emulator: Any, policy: str) -> None:
    model = build("classifier")
    expected = model(images(), output_hidden_states=True)
    accelerate(model, emulator, policy=policy)
    actual = model(images(), output_hidden_states=True)
    assert len(actual.hidden_states) == len(expected.hidden_states) == 3
    for want, got in zip(expected.hidden_states, actual.hidden_states, strict=True):
        assert_close(want, got)
    assert report(model).fallback_count == 0


def test_hidden_states_asked_for_first_after_the_swap(emulator: Any) -> None:
    expected = build("model")(images(), output_hidden_states=True)
    model = build("model")
    accelerate(model, emulator)
    actual = model(images(), output_hidden_states=True)
    assert len(actual.hidden_states) == 3
    for want, got in zip(expected.hidden_states, actual.hidden_states, strict=True):
        assert_close(want, got)


@pytest.mark.parametrize("policy", ["vit", "vit-fine"])
@pytest.mark.parametrize("before", [False, True], ids=["fresh", "recorded before"])
def test_attentions_fall_back_visibly(emulator: Any, policy: str, before: bool) -> None:
    model = build("classifier", attn_implementation="eager")
    reference = build("classifier", attn_implementation="eager")
    expected = reference(images(), output_attentions=True)
    if before:
        model(images(), output_attentions=True)
    accelerate(model, emulator, policy=policy)
    with pytest.warns(FallbackWarning, match="hooked_child"):
        actual = model(images(), output_attentions=True)
    assert len(actual.attentions) == 2
    for want, got in zip(expected.attentions, actual.attentions, strict=True):
        assert_close(want, got)
    assert_close(expected.logits, actual.logits)
    assert report(model).fallback_count == 2


@pytest.mark.parametrize("policy", ["vit", "vit-fine"])
def test_recorders_that_are_idle_do_not_cause_fallbacks(emulator: Any, policy: str) -> None:
    model = build("classifier", attn_implementation="eager")
    accelerate(model, emulator, policy=policy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        model(images(), output_attentions=True)
    seen = report(model).fallback_count
    model(images())
    model(images(), output_hidden_states=True)
    assert report(model).fallback_count == seen


def test_hidden_states_of_sdpa_models_do_not_fall_back(emulator: Any) -> None:
    model = build("classifier", attn_implementation="sdpa")
    accelerate(model, emulator)
    out = model(images(), output_hidden_states=True)
    assert all(type(state) is torch.Tensor for state in out.hidden_states)
    assert report(model).fallback_count == 0
