"""What the policies replace, and what they say of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from vit_models import assert_close, build, images

from symbiote_core import NothingReplacedError, accelerate, explain, plan, report


def kernels(todo: Any) -> dict[str, int]:
    counted: dict[str, int] = {}
    for item in todo.replacements:
        counted[item.kernel.name] = counted.get(item.kernel.name, 0) + 1
    return counted


def test_the_coarse_policy_is_the_automatic_one() -> None:
    todo = plan(build("classifier"))
    assert (todo.policy, todo.plugin) == ("vit", "vit")
    assert kernels(todo) == {
        "TTNNViTModel": 1,
        "TTNNViTEmbeddings": 1,
        "TTNNViTLayer": 2,
        "TTNNLayerNorm": 1,
        "TTNNLinear": 1,
    }
    assert todo.kept == ()


def test_the_pooler_is_replaced() -> None:
    assert kernels(plan(build("model")))["TTNNViTPooler"] == 1


def test_the_fine_policy_takes_no_whole_layers() -> None:
    counted = kernels(plan(build("classifier"), "vit-fine"))
    assert sum(n for name, n in counted.items() if "Attention" in name) == 2
    assert counted["TTNNLayerNorm"] == 5
    assert not any("Layer" in name and "Norm" not in name for name in counted)


def test_what_stays_is_told() -> None:
    todo = plan(build("masked"))
    assert [(k.path, k.module_class) for k in todo.kept] == [
        ("decoder.0", "Conv2d"),
        ("decoder.1", "PixelShuffle"),
    ]
    assert "no rule of policy 'vit' for Conv2d" in todo.kept[0].reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hidden_size": 48, "num_attention_heads": 2}, "head size 24 is not a multiple of 32"),
        ({"hidden_act": "gelu_new"}, "TTNN can't fuse NewGELUActivation into a linear"),
    ],
)
def test_layers_that_ttnn_cannot_run_whole_are_swapped_in_parts(
    emulator: Any, changes: dict[str, Any], reason: str
) -> None:
    model = build("classifier", **changes)
    todo = plan(model)
    assert "TTNNViTLayer" not in kernels(todo)
    assert kernels(todo)["TTNNLinear"] >= 5
    told = [k for k in todo.kept if k.module_class == "ViTLayer"]
    assert len(told) == 2
    assert reason in told[0].reason
    expected = model(images()).logits
    accelerate(model, emulator)
    assert_close(expected, model(images()).logits)
    assert report(model).fallback_count == 0


def test_excluding_a_part_keeps_the_whole_layer_from_being_covered() -> None:
    model = build("classifier")
    first = next(n for n, m in model.named_modules() if type(m).__name__ == "ViTLayer")
    inner = f"{first}.layernorm_before"
    todo = plan(model, exclude=inner)
    paths = {r.path for r in todo.replacements}
    assert inner not in paths
    assert first not in paths
    assert f"{first}.layernorm_after" in paths
    reasons = {k.path: k.reason for k in todo.kept}
    assert reasons[inner] == "excluded by the caller"


def test_nothing_but_dropout_is_nothing() -> None:
    model = build("classifier")
    with pytest.raises(NothingReplacedError, match="Policy 'vit' replaces nothing"):
        plan(model, include="*dropout*")


def test_explain_names_the_candidates() -> None:
    model = build("classifier")
    layer = next(n for n, m in model.named_modules() if type(m).__name__ == "ViTLayer")
    found = explain(model, layer)
    assert found.kernel == "TTNNViTLayer"
    assert [(c.kernel.name, c.kernel.plugin, c.taken) for c in found.candidates] == [
        ("TTNNViTLayer", "vit", True)
    ]
