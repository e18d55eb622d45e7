"""Explaining: the policies and kernels there were for a module, and why each was taken or not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from core_kernels import Block, Bringing, FakeBlock, FakeLinear, Relu
from torch import nn

from symbiote_core import (
    Candidate,
    Explainer,
    KernelSpec,
    Policy,
    Rule,
    SelectionError,
    TTNNModule,
    accelerate,
    explain,
    plan,
    plugin_manager,
)


class Unwilling(TTNNModule):
    @classmethod
    def supports(cls, torch_layer: nn.Module) -> str | None:
        return "its input is too narrow"


class Model(nn.Module):
    """Two blocks and a head, of a model type."""

    def __init__(self, model_type: str = "one") -> None:
        super().__init__()
        self.config = type("Config", (), {"model_type": model_type})()
        self.layers = nn.ModuleList([Block(), Block()])
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


BLOCK = KernelSpec("BlockKernel", Block, FakeBlock)
HIGH = KernelSpec("High", nn.Linear, FakeLinear, priority=5)
LOW = KernelSpec("Low", nn.Linear, FakeLinear)
REFUSES = KernelSpec("Refuses", nn.Linear, Unwilling, priority=9)
RULES = (Rule(Block, "BlockKernel"), Rule(nn.Linear, None, paths=("head",)))


@pytest.fixture(autouse=True)
def plugins() -> None:
    policies = [
        Policy("coarse", ("one",), RULES),
        Policy("fine", ("one",), (Rule(nn.Linear),), priority=-1),
        Policy("generic", ("*",), (Rule(nn.Linear, "Low"),)),
        Policy("other", ("two",), RULES),
    ]
    kernels = [BLOCK, HIGH, LOW, REFUSES, KernelSpec("Relu", nn.ReLU, Relu)]
    plugin_manager().register(Bringing(kernels=kernels, policies=policies), "ours")


def _whys(candidates: tuple[Candidate, ...]) -> dict[str, tuple[bool, str]]:
    return {c.kernel.name: (c.taken, c.why) for c in candidates}


def test_the_policy_by_model_type() -> None:
    made = explain(Model(), "head")
    assert [(p.name, p.taken, p.why) for p in made.policies] == [
        ("coarse", True, "for model type 'one'"),
        ("fine", False, "for model type 'one', but of lower priority than coarse"),
        ("generic", False, "for every model that no other policy is for"),
    ]


def test_the_generic_policy() -> None:
    made = explain(Model("unknown"), "head")
    assert [(p.name, p.taken, p.why) for p in made.policies] == [
        ("generic", True, "for every model, and no other is for model type 'unknown'")
    ]
    assert made.kernel == "Low"


def test_a_policy_by_name_or_given() -> None:
    named = explain(Model(), "head", "fine")
    assert (named.policies[0].name, named.policies[0].why) == ("fine", "asked for by name")
    assert (named.policies[1].taken, named.policies[1].why) == (
        False,
        "for model type 'one', but another was asked for",
    )
    given = explain(Model(), "head", {nn.Linear: FakeLinear})
    assert (given.policies[0].name, given.policies[0].why) == ("mapping", "given by the caller")


def test_kernels_of_a_rule_by_priority() -> None:
    made = explain(Model(), "head")
    assert made.outcome == "replaced by High (plugin ours)"
    assert made.kernel == "High"
    assert _whys(made.candidates) == {
        "Refuses": (False, "its input is too narrow"),
        "High": (True, "the first rule with a kernel that fits is rule 2"),
        "Low": (False, "High is taken before it"),
    }
    assert [c.kernel.name for c in made.candidates] == ["Refuses", "High", "Low"]


def test_a_module_in_a_replaced_one() -> None:
    made = explain(Model(), "layers.1.first")
    assert made.kernel is None
    assert made.outcome == "covered by BlockKernel, which replaces 'layers.1'"
    assert _whys(made.candidates)["High"] == (
        False,
        "rule 2 of policy 'coarse' is for other paths",
    )
    assert _whys(made.candidates)["Refuses"] == (False, "its input is too narrow")


def test_a_kernel_that_would_cover_an_excluded_module() -> None:
    made = explain(Model(), "layers.0", exclude="layers.0.first")
    assert made.kernel is None
    assert made.outcome == (
        "stays on torch: BlockKernel would cover an excluded module; its children are looked at "
        "one by one"
    )
    assert _whys(made.candidates) == {
        "BlockKernel": (False, "BlockKernel would cover an excluded module")
    }


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ({"exclude": "head"}, "stays on torch: excluded by the caller"),
        ({"include": "layers"}, "stays on torch: not included by the caller"),
    ],
)
def test_what_the_caller_chose(options: dict[str, str], outcome: str) -> None:
    made = explain(Model(), "head", **options)
    assert made.outcome == outcome
    assert _whys(made.candidates)["High"] == (False, outcome.removeprefix("stays on torch: "))


def test_a_module_without_kernels() -> None:
    made = explain(Model(), "norm")
    assert made.outcome == "stays on torch: no rule of policy 'coarse' for LayerNorm"
    assert made.candidates == ()
    assert str(made).endswith("\n\nNo kernel is registered for LayerNorm.")


def test_a_kernel_that_no_rule_names() -> None:
    assert _whys(explain(Model("two"), "layers.0.second").candidates)["Low"] == (
        False,
        "rule 2 of policy 'other' is for other paths",
    )
    made = explain(Model(), "head", Policy("p", (), (Rule(nn.Linear, "Low"),)))
    assert _whys(made.candidates)["High"] == (False, "policy 'p' has no rule for it here")


def test_a_kernel_in_a_rule_for_other_paths_and_in_one_for_this() -> None:
    rules = (Rule(nn.Linear, "Low", paths=("layers",)), Rule(nn.Linear, "Low"))
    made = explain(Model(), "head", Policy("p", (), rules))
    assert made.kernel == "Low"
    assert _whys(made.candidates)["Low"] == (
        True,
        "the first rule with a kernel that fits is rule 2",
    )


def test_a_rule_for_a_kernel_that_nobody_registered() -> None:
    made = explain(Model(), "head", Policy("p", (), (Rule(nn.Linear, "Missing"),)))
    assert made.problem.startswith("No policy for kernel 'Missing' (asked for by a policy rule).")
    assert made.kernel is None
    assert _whys(made.candidates)["High"] == (False, "policy 'p' has no rule for it here")


def test_a_container_is_passed_over() -> None:
    made = explain(Model(), "layers")
    assert made.outcome.startswith("stays, since it only calls its children")


def test_without_a_policy_the_kernels_are_told_nevertheless() -> None:
    made = explain(nn.Sequential(nn.Linear(2, 2)), "0", "missing")
    assert made.outcome == "the model can't be planned"
    assert made.problem.startswith("No policy for the name 'missing'.")
    assert not any(p.taken for p in made.policies)
    assert {c.kernel.name: c.why for c in made.candidates} == {
        "Refuses": "its input is too narrow",
        "High": "there is no policy for the model",
        "Low": "there is no policy for the model",
    }


def test_two_kernels_of_equal_rank_are_told_nevertheless() -> None:
    twin = KernelSpec("Twin", nn.Linear, FakeLinear, priority=5)
    plugin_manager().register(Bringing(kernels=[twin]), "twins")
    made = explain(Model(), "head")
    assert "'High' (plugin 'ours') and 'Twin' (plugin 'twins') both replace Linear" in made.problem
    assert made.kernel is None
    assert {"High", "Twin"} <= {c.kernel.name for c in made.candidates}


def test_two_policies_of_equal_rank_are_told_nevertheless() -> None:
    plugin_manager().register(Bringing(policies=[Policy("twin", ("one",), RULES)]), "twins")
    made = explain(Model(), "head")
    assert "'coarse' (plugin 'ours') and 'twin' (plugin 'twins') are both for" in made.problem
    assert [(p.name, p.taken) for p in made.policies] == [
        ("coarse", False),
        ("twin", False),
        ("fine", False),
        ("generic", False),
    ]


def test_a_swapped_model() -> None:
    model = Model().eval()
    accelerate(model, "fake")
    assert explain(model, "layers.0").outcome == "swapped already: FakeBlock runs it"
    assert explain(model, "layers.0").module_class == "Block"
    inner = explain(model, "layers.0.first")
    assert inner.outcome == "covered by FakeBlock at 'layers.0', which is swapped already"


def test_a_module_at_two_places() -> None:
    model: Any = Model()
    model.again = model.head
    assert explain(model, "again").outcome == explain(model, "head").outcome
    assert _whys(explain(model, "again").candidates)["High"][0]


def test_a_path_that_is_not_there_names_near_ones() -> None:
    with pytest.raises(SelectionError, match=r"path='layers\.7' matches none .*'layers\.0'"):
        explain(Model(), "layers.7")


def test_a_pattern_means_one_module() -> None:
    assert explain(Model(), "he*").path == "head"
    with pytest.raises(SelectionError) as caught:
        explain(Model(), "layers.*.first")
    assert str(caught.value) == (
        "path='layers.*.first' matches 2 modules, and one is wanted. Give the path of one, such as "
        "'layers.0.first'."
    )


def test_the_model_itself() -> None:
    made = explain(Model(), "")
    assert made.module_class == "Model"
    assert str(made).startswith("(the model) (Model): ")


def test_an_explainer_plans_once_for_any_number_of_modules() -> None:
    explainer = Explainer(Model())
    assert explainer.paths("layers.*.first") == ["layers.0.first", "layers.1.first"]
    assert explainer.explain("head") == explain(Model(), "head")


def test_it_agrees_with_the_plan() -> None:
    model = Model()
    made = plan(model, "fine")
    taken = {r.path: r.kernel.name for r in made.replacements}
    explainer = Explainer(model, "fine")
    for path in explainer.modules:
        told = explainer.explain(path)
        assert told.kernel == taken.get(path)
        assert [c.kernel.name for c in told.candidates if c.taken] == (
            [taken[path]] if path in taken else []
        )


def test_as_text() -> None:
    lines = str(explain(Model(), "head", "fine")).splitlines()
    assert lines[0] == "head (Linear): replaced by High (plugin ours)"
    assert lines[2:6] == [
        "Policies",
        "  policy   plugin  priority         why",
        "  -------  ------  --------  -----  -----------------------------------------------",
        "  fine     ours    -1        taken  asked for by name",
    ]
