"""What the kit finds out by itself: examples of modules, small models and what they take."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from symbiote_conformance import Subject
from symbiote_conformance.kit.derived import kernel_subjects, policy_subjects
from symbiote_conformance.kit.exploring import sample
from symbiote_conformance.kit.recording import recorder
from symbiote_conformance.kit.subjects import Missing, ModelSubject
from symbiote_conformance.kit.tiny import models_of_type
from symbiote_core import KernelSpec, Policy, Rule
from symbiote_ttnn import TTNNLinear

HUGGING_FACE = ("bert", "distilbert", "roberta", "gpt2", "t5", "whisper", "clip", "deit", "vit")


@pytest.mark.parametrize("model_type", HUGGING_FACE)
def test_small_models_are_made_and_run(model_type: str) -> None:
    models = list(models_of_type(model_type))
    assert models
    for tiny in models:
        sizes = {"B": 2, "S": 5}
        inputs = {k: v.described(sizes, "normal", 0).tensor() for k, v in tiny.inputs.items()}
        with torch.no_grad():
            out = tiny.model(**inputs)
        assert len(out[0]) > 0
        # Small, and nothing about it constant: a kernel that leaves something out is seen.
        assert sum(p.numel() for p in tiny.model.parameters()) < 3_000_000
        assert all(p.numel() == 1 or p.unique().numel() > 1 for p in tiny.model.parameters())


def test_calls_are_recorded_and_varied() -> None:
    tiny = next(models_of_type("bert"))
    path = next(name for name, m in tiny.model.named_modules() if type(m).__name__ == "BertLayer")
    found = recorder(tiny, path)
    assert found is not None
    calls = sample(found.calls(), 40)
    hidden = [call.args[0] if call.args else call.kwargs["hidden_states"] for call in calls]
    assert {value.shape[0] for value in hidden} == {1, 2, 3}
    lengths = {value.shape[1] for value in hidden}
    assert lengths & {32, 64}
    assert any(length % 32 for length in lengths)
    assert {value.kind for value in hidden} == {"normal", "zeros", "negative", "large"}
    for call in calls[:5]:
        args, kwargs = call.tensors()
        with torch.no_grad():
            found.module(*args, **kwargs)  # torch takes them


def test_a_module_takes_other_lengths_where_its_model_has_one() -> None:
    tiny = next(models_of_type("vit"))
    for name, free in (("ViTLayer", True), ("ViTEmbeddings", False)):
        path = next(n for n, m in tiny.model.named_modules() if type(m).__name__ == name)
        found = recorder(tiny, path)
        assert found is not None
        assert found.is_free == free


def test_every_class_that_a_kernel_serves_is_judged() -> None:
    names = {"a": nn.Linear, "b": nn.GELU, "c": "transformers.models.bert.modeling_bert.BertPooler"}
    kernels = {
        name: KernelSpec(name, cls, TTNNLinear, lambda _: None) for name, cls in names.items()
    }
    found = kernel_subjects(kernels, [], [])
    assert all(isinstance(subject, Subject) for subject in found)
    assert {subject.kernel for subject in found if isinstance(subject, Subject)} == set(names)


def test_what_the_author_gives_stands_for_what_would_be_derived() -> None:
    kernels = {"a": KernelSpec("a", nn.Linear, TTNNLinear)}
    mine = Subject("a", lambda: nn.Linear(8, 8), [])
    assert kernel_subjects(kernels, [], [mine]) == [mine]


def test_an_absent_class_is_excused_where_its_kernel_is_judged_under_another_name() -> None:
    gone = KernelSpec("gone", "torch.nn.NoSuchLinear", TTNNLinear)
    other = KernelSpec("other", nn.Linear, TTNNLinear)
    [missing] = kernel_subjects({"gone": gone}, [], [])
    assert isinstance(missing, Missing)
    assert not missing.excused
    excused = kernel_subjects({"gone": gone, "other": other}, [], [])[0]
    assert isinstance(excused, Missing)
    assert excused.excused
    assert "TTNNLinear is judged as other" in excused.problem


def test_enough_models_are_chosen_to_show_every_kernel() -> None:
    rules = (Rule(nn.Linear, "TTNNLinear"), Rule(nn.LayerNorm, "TTNNLayerNorm"))
    found = policy_subjects([Policy("p", ("bert", "clip"), rules)], [])
    labels = [subject.label for subject in found if isinstance(subject, ModelSubject)]
    assert len(labels) == len(found) >= 2
    assert labels[0] == "BertModel"


def test_a_policy_for_any_model_is_judged_on_several() -> None:
    rules = (Rule(nn.LayerNorm, "TTNNLayerNorm"),)
    found = policy_subjects([Policy("generic", ("*",), rules)], [])
    labels = {subject.label for subject in found if isinstance(subject, ModelSubject)}
    assert {"BertModel", "GPT2Model"} <= labels


def test_a_kernel_that_rules_alone_say_the_modules_of_is_found_where_it_is_planned() -> None:
    spec = KernelSpec("structural", nn.Module, TTNNLinear, lambda _: None)
    rule = Rule("transformers.models.bert.modeling_bert.BertPooler", spec)
    [found] = kernel_subjects({"structural": spec}, [Policy("generic", ("*",), (rule,))], [])
    assert isinstance(found, Subject)
    assert type(found.build()).__name__ == "BertPooler"
    [missing] = kernel_subjects({"structural": spec}, [], [])
    assert isinstance(missing, Missing)
    assert "no Module is known to judge it by" in missing.problem
