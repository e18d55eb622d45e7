"""Swapped BERTs give torch's answers, stay on the device, and can be taken back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bert_models import assert_all_close, assert_close, build, inputs
from transformers import DynamicCache

from symbiote_bert import TTNNBertLayer
from symbiote_core import FallbackWarning, TTNNExecutionError, accelerate, plan, report, restore


def kernels(todo: Any) -> dict[str, int]:
    names = [item.kernel.name for item in todo.replacements]
    return {name: names.count(name) for name in names}


def test_the_policy_is_the_automatic_one_and_keeps_nothing_on_torch() -> None:
    todo = plan(build("masked"))
    assert (todo.policy, todo.plugin) == ("bert", "bert")
    assert kernels(todo) == {
        "TTNNBertEmbeddings": 1,
        "TTNNBertEncoder": 1,
        "TTNNBertLayer": 2,
        "TTNNLinear": 2,
        "TTNNGelu.GELUActivation": 1,
        "TTNNLayerNorm": 1,
    }
    assert todo.kept == ()
    assert kernels(plan(build("model")))["TTNNBertPooler"] == 1


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("kind", ["model", "masked", "classifier", "tokens"])
def test_outputs_are_those_of_torch(emulator: Any, kind: str, masked: bool, attention: str) -> None:
    model, given = build(kind, attention), inputs()
    if not masked:
        del given["attention_mask"]
    expected = model(**given)
    accelerate(model, emulator, strict=True)
    assert_all_close(expected, model(**given))
    told = report(model)
    assert (told.fallback_count, told.op_fallbacks) == (0, ())
    # Up: ids, pairs of position and type, and the mask, once for all layers.
    assert told.traffic.uploads <= 3
    assert told.traffic.downloads == len(expected)


def test_question_answering_runs_no_more_than_a_split_on_torch(emulator: Any) -> None:
    model, given = build("answers"), inputs()
    expected = model(**given)
    accelerate(model, emulator, strict=True)
    assert_all_close(expected, model(**given))
    told = report(model)
    assert told.fallback_count == 0
    # Whether the logits are split on the device is the installed symbiote-ttnn's to say.
    assert {counted.op for counted in told.op_fallbacks} <= {"aten.split.Tensor"}


@pytest.mark.parametrize(
    "changes",
    [
        {"token_type_ids": None},
        {"position_ids": torch.arange(20).flip(0).unsqueeze(0)},
        {"input_ids": None, "inputs_embeds": torch.linspace(-1, 1, 3840).view(3, 20, 64)},
        {"output_hidden_states": True},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_other_arguments(emulator: Any, changes: dict[str, Any]) -> None:
    model, given = build(), inputs() | changes
    expected = model(**given)
    accelerate(model, emulator, strict=True)
    assert_all_close(expected, model(**given))


def test_a_mask_of_its_own_for_every_query(emulator: Any) -> None:
    model = build()
    states = torch.randn(3, 20, 64, generator=torch.Generator().manual_seed(2))
    mask = torch.full((20, 20), torch.finfo(torch.float32).min).triu(1).expand(3, 1, 20, 20)
    expected = model.encoder.layer[0](states, mask)
    accelerate(model, emulator, strict=True)
    actual = model.encoder.layer[0](states, mask)
    if isinstance(expected, tuple):  # 4.57: without attention weights
        assert expected[1:] == actual[1:] == (None,)
        expected, actual = expected[0], actual[0]
    assert_close(expected, actual.to_torch)


def test_attention_weights_come_from_torch_visibly(emulator: Any) -> None:
    model, given = build(attention="eager"), inputs() | {"output_attentions": True}
    expected = model(**given)
    accelerate(model, emulator)
    with pytest.warns(FallbackWarning):
        actual = model(**given)
    assert_all_close(expected, actual)
    assert len(actual.attentions) == 2


@pytest.mark.parametrize(
    "given", [{"past_key_values": DynamicCache()}, {"output_attentions": True}]
)
def test_a_layer_refuses_what_it_does_not_do(emulator: Any, given: dict[str, Any]) -> None:
    model = build()
    accelerate(model, emulator, strict=True)
    with pytest.raises(TTNNExecutionError, match=f"does not take {next(iter(given))}"):
        model.encoder.layer[0](torch.randn(1, 20, 64), **given)


def test_a_query_that_sees_nothing_is_left_to_torch(emulator: Any) -> None:
    model, given = build(attention="eager"), inputs()
    given["attention_mask"][1] = 0
    expected = model(**given).last_hidden_state
    accelerate(model, emulator)
    with pytest.warns(FallbackWarning, match="hides every key"):
        assert_close(expected, model(**given).last_hidden_state)


@pytest.mark.parametrize("name", ["input_ids", "token_type_ids", "position_ids"])
def test_ids_outside_of_their_table_are_torchs_error(emulator: Any, name: str) -> None:
    model, given = build(), inputs()
    wrong = torch.full((3, 20), 1000)
    accelerate(model, emulator, strict=True)
    with pytest.raises(TTNNExecutionError, match="1000 do not fit a table"):
        model(**(given | {name: wrong}))
    restore(model)
    accelerate(model, emulator)
    with pytest.raises(IndexError):
        model(**(given | {name: wrong}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_attention_heads": 4}, "head size 16 is not a multiple of 32"),
        ({"hidden_act": "gelu_new"}, "TTNN can't fuse NewGELUActivation into a linear"),
        ({"is_decoder": True}, "a decoder's cache and cross-attention are not written"),
    ],
)
def test_layers_that_cannot_run_whole_are_swapped_in_parts(
    emulator: Any, changes: dict[str, Any], reason: str
) -> None:
    model, given = build(**changes), inputs()
    todo = plan(model)
    assert kernels(todo)["TTNNLinear"] == 2 * 6
    kept = [item for item in todo.kept if item.module_class == "BertLayer"]
    assert len(kept) == 2
    assert reason in kept[0].reason
    expected = model(**given).last_hidden_state
    accelerate(model, emulator)
    assert_close(expected, model(**given).last_hidden_state)
    assert report(model).fallback_count == 0


def test_excluding_a_layer_keeps_the_others_whole(emulator: Any) -> None:
    model, given = build(), inputs()
    expected = model(**given)
    accelerate(model, emulator, exclude="encoder.layer.1")
    assert_all_close(expected, model(**given))
    assert type(model.encoder.layer[0]) is TTNNBertLayer
    assert type(model.encoder.layer[1]) is not TTNNBertLayer


def test_nothing_of_the_model_changes_but_its_modules(emulator: Any) -> None:
    model, given = build("masked"), inputs()
    modules, state = dict(model.named_modules()), model.state_dict()
    accelerate(model, emulator, strict=True)
    model(**given)
    swapped = model.state_dict()
    assert list(swapped) == list(state)
    assert all(torch.equal(swapped[name], value) for name, value in state.items())
    restore(model)
    assert dict(model.named_modules()) == modules


def test_new_weights_are_used(emulator: Any) -> None:
    model, given, other = build(), inputs(), build(hidden_act="relu")
    state = {name: value.flip(0) for name, value in other.state_dict().items()}
    accelerate(model, emulator, strict=True)
    model(**given)
    model.load_state_dict(state)
    actual = model(**given)
    restore(model)
    assert_all_close(model(**given), actual)
