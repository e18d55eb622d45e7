"""``output_hidden_states`` and ``output_attentions`` give what torch gives."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from owlvit_models import assert_all_close, build, inputs

from symbiote_core import FallbackWarning, accelerate, report, set_run_mode


@pytest.mark.parametrize("kind", ["text", "vision"])
@pytest.mark.parametrize("policy", ["owlvit", "owlvit-fine"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_hidden_states(emulator: Any, kind: str, policy: str, attention: str) -> None:
    model = build(kind, attention=attention)
    expected = model(**inputs(kind), output_hidden_states=True)
    accelerate(model, emulator, policy=policy, strict=True)
    actual = model(**inputs(kind), output_hidden_states=True)
    assert len(actual.hidden_states) == 3
    assert_all_close(expected, actual)


@pytest.mark.parametrize("kind", ["text", "vision"])
@pytest.mark.parametrize("policy", ["owlvit", "owlvit-fine"])
def test_attentions_fall_back_visibly(emulator: Any, kind: str, policy: str) -> None:
    model = build(kind, attention="eager")
    expected = model(**inputs(kind), output_attentions=True)
    accelerate(model, emulator, policy=policy)
    with pytest.warns(FallbackWarning):
        actual = model(**inputs(kind), output_attentions=True)
    assert len(actual.attentions) == 2
    assert_all_close(expected, actual)
    seen = report(model).fallback_count
    assert seen == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", FallbackWarning)
        model(**inputs(kind))
    assert report(model).fallback_count == seen


def test_a_hook_on_a_layer_sees_its_calls(emulator: Any) -> None:
    model = build("vision")
    accelerate(model, emulator, strict=True)
    seen: list[Any] = []
    layer = model.vision_model.encoder.layers[0]
    handle = layer.register_forward_hook(lambda m, args, out: seen.append(args[0].shape))
    model(**inputs("vision"))
    handle.remove()
    model(**inputs("vision"))
    assert seen == [(2, 17, 64)]
    assert report(model).fallback_count == 0


def test_every_module_is_compared_with_torch(emulator: Any) -> None:
    model = build()
    expected = model(**inputs("detector"))
    accelerate(model, emulator, strict=True)
    set_run_mode(model, "compare")
    assert_all_close(expected, model(**inputs("detector")))
    over = {"TTNNOwlViTModel", "TTNNOwlViTText", "TTNNOwlViTVision"}
    compared = {m.paths: m.pcc for m in report(model).modules if m.kernel not in over}
    assert all(value is not None and value > 0.999 for value in compared.values()), compared


def test_the_torch_mode_gives_what_torch_gives(emulator: Any) -> None:
    model = build()
    expected = model(**inputs("detector"))
    accelerate(model, emulator, strict=True)
    set_run_mode(model, "torch")
    assert_all_close(expected, model(**inputs("detector")), rms=0.01)
    assert report(model).fallback_count == 0


def test_layers_that_fail_run_on_torch_visibly(
    emulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build("vision")
    expected = model(**inputs("vision"))
    accelerate(model, emulator)
    layer = model.vision_model.encoder.layers[1]

    def fail(*args: Any) -> None:
        raise RuntimeError("no attention today")

    monkeypatch.setattr(type(layer.self_attention), "written", fail)
    with pytest.warns(FallbackWarning, match="no attention today"):
        outputs = [model(**inputs("vision")) for _ in range(4)]
    for actual in outputs:
        assert_all_close(expected, actual)
    told = {path: m.fallbacks for m in report(model).modules for path in m.paths}
    assert told["vision_model"] == 4
    assert told["vision_model.encoder.layers.1"] == 4
