"""What the policies replace, and what they say of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from owlvit_models import assert_all_close, build, inputs

from symbiote_core import accelerate, plan, report


def kernels(todo: Any) -> dict[str, int]:
    counted: dict[str, int] = {}
    for item in todo.replacements:
        counted[item.kernel.name] = counted.get(item.kernel.name, 0) + 1
    return counted


def test_the_coarse_policy_is_the_automatic_one() -> None:
    todo = plan(build())
    assert (todo.policy, todo.plugin) == ("owlvit", "owlvit")
    assert kernels(todo) == {
        "TTNNOwlViTModel": 1,
        "TTNNOwlViTText": 1,
        "TTNNOwlViTTextEmbeddings": 1,
        "TTNNOwlViTVision": 1,
        "TTNNOwlViTVisionEmbeddings": 1,
        "TTNNOwlViTLayer": 4,
        "TTNNOwlViTClassHead": 1,
        "TTNNOwlViTBoxHead": 1,
        "TTNNLayerNorm": 4,
        "TTNNLinear": 2,
    }
    assert [(k.path, k.module_class) for k in todo.kept] == [("sigmoid", "Sigmoid")]


@pytest.mark.parametrize("kind", ["text", "vision"])
def test_a_tower_by_itself(kind: str) -> None:
    todo = plan(build(kind))
    assert todo.policy == "owlvit"
    assert kernels(todo)["TTNNOwlViTLayer"] == 2
    assert todo.kept == ()


def test_the_projections_of_the_model_itself_end_on_the_host() -> None:
    assert kernels(plan(build("model")))["TTNNOwlViTProjection"] == 2
    assert "TTNNOwlViTProjection" not in kernels(plan(build()))


def test_the_fine_policy_takes_no_whole_layers() -> None:
    counted = kernels(plan(build(), "owlvit-fine"))
    assert counted["TTNNOwlViTAttention"] == 4
    assert counted["TTNNQuickGelu"] == 4
    assert counted["TTNNLayerNorm"] == 12
    assert "TTNNOwlViTLayer" not in counted


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_attention_heads": 4}, "head size 16 is not a multiple of 32"),
        ({"hidden_act": "gelu_new"}, "TTNN can't fuse NewGELUActivation into a linear"),
    ],
)
@pytest.mark.parametrize("tower", ["text", "vision"])
def test_layers_that_ttnn_cannot_run_whole_are_swapped_in_parts(
    emulator: Any, tower: str, changes: dict[str, Any], reason: str
) -> None:
    model = build("detector", **{tower: changes})
    todo = plan(model)
    assert kernels(todo)["TTNNOwlViTLayer"] == 2
    told = [k for k in todo.kept if k.module_class == "OwlViTEncoderLayer"]
    assert len(told) == 2
    assert reason in told[0].reason
    expected = model(**inputs("detector"))
    accelerate(model, emulator, strict=True)
    assert_all_close(expected, model(**inputs("detector")))
    assert report(model).fallback_count == 0


def test_excluding_a_layer_keeps_the_others_whole(emulator: Any) -> None:
    model = build()
    expected = model(**inputs("detector"))
    accelerate(model, emulator, exclude="owlvit.text_model.encoder.layers.1", strict=True)
    assert_all_close(expected, model(**inputs("detector")))
    told = {path: m.kernel for m in report(model).modules for path in m.paths}
    assert told["owlvit.text_model.encoder.layers.0"] == "TTNNOwlViTLayer"
    assert "owlvit.text_model.encoder.layers.1" not in told
