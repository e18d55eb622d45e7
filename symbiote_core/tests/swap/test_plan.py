"""Planning: what is chosen, what is kept and why; nothing is touched."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from core_kernels import Block, Bringing, FakeBlock, FakeLinear, Relu, small_model
from torch import nn

from symbiote_core import (
    KernelSpec,
    NothingReplacedError,
    PluginError,
    Policy,
    PolicyNotFoundError,
    ReplacementPlan,
    Rule,
    SelectionError,
    TTNNModule,
    explain,
    plan,
    plugin_manager,
)


class Encoder(nn.Module):
    """Blocks and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.ModuleList([Block() for _ in range(3)])
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layer:
            x = layer(x)
        return self.head(self.norm(x))


COARSE = {Block: FakeBlock, nn.Linear: FakeLinear}


def _paths(made: ReplacementPlan) -> dict[str, str]:
    return {r.path: r.kernel.name for r in made.replacements}


def test_what_computes_nothing_in_inference_does_not_stay_on_torch() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Identity(), nn.ReLU())
    assert [k.path for k in plan(model, COARSE).kept] == ["3"]
    excluded = plan(model, COARSE, exclude="1").kept[0]
    assert (excluded.path, excluded.reason) == ("1", "excluded by the caller")


def _is_narrow(module: nn.Module) -> bool:
    return getattr(module, "out_features", 9) < 3


def _of_structure(supports: Any = None) -> Policy:
    kernel = KernelSpec("narrow", nn.Module, FakeLinear, supports)
    rule = Rule(nn.Module, kernel, subclasses=True, structure=_is_narrow)
    return Policy("structural", ("*",), (rule,))


def test_a_rule_for_a_structure_takes_modules_of_any_class() -> None:
    made = plan(Encoder(), _of_structure())
    assert _paths(made) == {"head": "narrow"}
    # What it does not mean is no case for the rule, and is not told as refused by it.
    assert {k.reason for k in made.kept} == {
        f"no rule of policy 'structural' for {name}" for name in ("Linear", "LayerNorm")
    }


def test_a_structure_that_fails_is_told_with_rule_and_module() -> None:
    def broken(module: nn.Module) -> bool:
        raise RuntimeError("no such thing")

    policy = Policy("bad", (), (Rule(nn.Linear, structure=broken),), plugin="mine")
    model = Encoder()
    says = r"rule 1 of policy 'bad' \(plugin mine\) failed for Linear at '\S+': RuntimeError"
    with pytest.raises(PluginError, match=says):
        plan(model, policy)
    assert "no such thing" in explain(model, "head", policy).problem


def test_what_is_of_the_structure_and_refused_is_told_with_the_reason() -> None:
    with pytest.raises(NothingReplacedError) as caught:
        plan(Encoder(), _of_structure(lambda module: f"{module.out_features} is odd"))
    assert str(caught.value).startswith(
        "Policy 'structural' replaces nothing in this Encoder. It looks for modules of a structure "
        "that it knows. Refused: narrow: 2 is odd."
    )


def test_a_plan_says_that_its_policy_is_the_generic_one() -> None:
    assert plan(Encoder(), _of_structure()).notes == (
        "Policy 'structural' is the generic one: it knows layers by their structure, not this "
        "Encoder. A policy of its own would keep more of it on the device.",
    )
    assert plan(Encoder(), COARSE).notes == ()


def test_coarse_rules_come_first_and_cover_what_is_below() -> None:
    made = plan(Encoder(), COARSE)
    assert _paths(made) == {
        "layer.0": "FakeBlock",
        "layer.1": "FakeBlock",
        "layer.2": "FakeBlock",
        "head": "FakeLinear",
    }
    assert [(k.path, k.reason) for k in made.kept] == [
        ("norm", "no rule of policy 'mapping' for LayerNorm")
    ]
    assert (made.model_class, made.policy) == ("Encoder", "mapping")
    assert made.replacements[0].parameters == 4 * 8 + 8 + 8 * 4 + 4


def test_planning_touches_nothing() -> None:
    model = Encoder()
    before = [id(m) for m in model.modules()], {k: id(v) for k, v in vars(model).items()}
    plan(model, COARSE, include="layer.*", exclude="layer.0")
    assert before == ([id(m) for m in model.modules()], {k: id(v) for k, v in vars(model).items()})


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ("head", (), ["head"]),
        ("layer", (), ["layer.0", "layer.1", "layer.2"]),
        ("layer.?", (), ["layer.0", "layer.1", "layer.2"]),
        (r"re:layer\.[12]", (), ["layer.1", "layer.2"]),
        ((), "layer", ["head"]),
        ("layer.*", r"re:layer\.[01]", ["layer.2"]),
        ("layer.1.first", (), ["layer.1.first"]),
    ],
)
def test_include_and_exclude(include: Any, exclude: Any, expected: list[str]) -> None:
    assert sorted(_paths(plan(Encoder(), COARSE, include, exclude))) == expected


def test_exclusion_wins_over_inclusion() -> None:
    made = plan(Encoder(), COARSE, include=["layer", "head"], exclude="layer.0")
    assert "layer.0" not in _paths(made)
    assert ("layer.0.first", "excluded by the caller") in [(k.path, k.reason) for k in made.kept]


def test_an_excluded_child_keeps_a_coarse_kernel_off_and_the_rest_is_fine() -> None:
    made = plan(Encoder(), COARSE, exclude="layer.1.second")
    paths = _paths(made)
    assert "layer.1" not in paths
    assert paths["layer.1.first"] == "FakeLinear"
    assert "layer.1.second" not in paths
    reasons = {k.path: k.reason for k in made.kept}
    assert reasons["layer.1.second"] == "excluded by the caller"


def test_a_pattern_that_matches_nothing() -> None:
    with pytest.raises(SelectionError) as caught:
        plan(Encoder(), COARSE, exclude="layers.0")
    assert caught.value.pattern == "layers.0"
    assert str(caught.value).startswith(
        "exclude='layers.0' matches none of the model's 12 modules. Close to it: 'layer.0', "
    )


def test_a_policy_that_replaces_nothing() -> None:
    with pytest.raises(NothingReplacedError) as caught:
        plan(Encoder(), {nn.ReLU: Relu})
    assert str(caught.value) == (
        "Policy 'mapping' replaces nothing in this Encoder. It looks for ReLU. Check the policy, "
        "include= and exclude=; `symbiote plan MODEL` shows why each module stays."
    )


class Unwilling(FakeLinear):
    """Takes no layer."""

    @classmethod
    def supports(cls, torch_layer: nn.Module) -> str | None:
        return "its input is too narrow"


def test_a_refusal_is_told() -> None:
    with pytest.raises(NothingReplacedError, match="Refused: Unwilling: its input is too narrow"):
        plan(small_model(), {nn.Linear: Unwilling})
    made = plan(Encoder(), {nn.Linear: Unwilling, Block: FakeBlock})
    assert ("head", "Unwilling: its input is too narrow") in [(k.path, k.reason) for k in made.kept]


def test_the_model_itself_is_not_replaced() -> None:
    with pytest.raises(NothingReplacedError, match="the model itself can't be replaced, only mod"):
        plan(nn.Linear(4, 3), {nn.Linear: FakeLinear})


def test_a_model_on_the_meta_device_can_be_planned() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(4, 3))
    assert _paths(plan(model, {nn.Linear: FakeLinear})) == {"0": "FakeLinear"}


def test_a_shared_module_is_one_replacement_with_all_its_places() -> None:
    shared = nn.Linear(4, 4)
    made = plan(nn.Sequential(shared, nn.ReLU(), shared), {nn.Linear: FakeLinear})
    assert [r.paths for r in made.replacements] == [("0", "2")]


def test_a_shared_module_stays_if_one_of_its_places_is_excluded() -> None:
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.Linear(4, 4), shared)
    assert sorted(_paths(plan(model, {nn.Linear: FakeLinear}, exclude="2"))) == ["1"]
    assert sorted(_paths(plan(model, {nn.Linear: FakeLinear}, exclude="0"))) == ["1"]


def test_a_shared_module_is_included_if_one_of_its_places_is() -> None:
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.Linear(4, 4), shared)
    assert sorted(_paths(plan(model, {nn.Linear: FakeLinear}, include="2"))) == ["0"]


@pytest.mark.parametrize("exclude", ["a", "b", "a.first", "b.second"])
def test_what_is_in_a_shared_module_is_excluded_with_it(exclude: str) -> None:
    shared = Block()
    model = nn.ModuleDict({"a": shared, "b": shared, "c": nn.Linear(4, 4)})
    if exclude == "b.second":  # a shared module's children have the paths of its first place
        with pytest.raises(SelectionError):
            plan(model, COARSE, exclude=exclude)
        return
    expected = ["a.second", "c"] if exclude == "a.first" else ["c"]
    assert sorted(_paths(plan(model, COARSE, exclude=exclude))) == expected


def test_a_coarse_kernel_does_not_cover_what_is_excluded_at_its_other_place() -> None:
    block = Block()
    model = nn.ModuleDict({"block": block, "head": block.second})
    assert sorted(_paths(plan(model, COARSE, exclude="head"))) == ["block.first"]


def test_a_rule_can_name_paths() -> None:
    rule = Rule(nn.Linear, KernelSpec("L", nn.Linear, FakeLinear), paths=("*.first",))
    made = plan(Encoder(), Policy("fine", (), (rule,)))
    assert sorted(_paths(made)) == ["layer.0.first", "layer.1.first", "layer.2.first"]


def test_a_rule_can_mean_subclasses() -> None:
    class Special(nn.Linear):
        pass

    model = nn.Sequential(Special(4, 4), nn.Linear(4, 4))
    kernel = KernelSpec("L", nn.Linear, FakeLinear)
    exact = Policy("exact", (), (Rule(nn.Linear, kernel),))
    wide = Policy("wide", (), (Rule("torch.nn.modules.linear.Linear", kernel, subclasses=True),))
    assert sorted(_paths(plan(model, exact))) == ["1"]
    assert sorted(_paths(plan(model, wide))) == ["0", "1"]


def test_a_model_without_a_policy_lists_those_there_are() -> None:
    plugin_manager().register(Bringing(policies=[Policy("vit", ("vit",), ())]), "vit")
    with pytest.raises(PolicyNotFoundError) as caught:
        plan(small_model())
    assert str(caught.value) == (
        "No policy for Sequential (it has no config.model_type). Policies there are: vit. Install "
        "one with `pip install symbiote-ARCHITECTURE`, map classes yourself with "
        "policy={nn.Linear: TTNNLinear, ...}, or write a policy: see 'Writing a plugin' in the "
        "README."
    )
    assert caught.value.known == ("vit",)
    with pytest.raises(
        PolicyNotFoundError, match=r"No policy for the name 'bert'\. Policies there"
    ):
        plan(small_model(), "bert")
    with pytest.raises(PolicyNotFoundError, match="policy takes a name, a Policy, or a mapping"):
        plan(small_model(), 3)  # type: ignore[arg-type]


def test_work_grows_with_the_size_of_the_model_and_not_faster() -> None:
    def work(size: int) -> int:
        calls = 0

        def count_events(frame: Any, event: str, arg: Any) -> None:
            nonlocal calls
            calls += event == "call"

        model = nn.ModuleList([nn.Linear(1, 1) for _ in range(10)])
        for _ in range(size - 10):
            # Without nn.Linear's own construction, which is what takes the time here.
            twin = nn.Linear.__new__(nn.Linear)
            nn.Module.__init__(twin)
            twin._parameters.update(model[0]._parameters)
            model.append(twin)
        sys.setprofile(count_events)
        try:
            made = plan(model, {nn.Linear: FakeLinear}, exclude=["7", "re:1[0-9]"])
        finally:
            sys.setprofile(None)
        assert len(made.replacements) == size - 11
        return calls

    small, large = work(5_000), work(20_000)
    assert large < 4.2 * small


def test_explain_lists_the_candidates_with_their_verdicts() -> None:
    kernels = [
        KernelSpec("Good", nn.Linear, FakeLinear, priority=1),
        KernelSpec("Bad", nn.Linear, Unwilling, priority=5),
        KernelSpec("Other", nn.ReLU, Relu),
    ]
    plugin_manager().register(Bringing(kernels=kernels), "ours")
    found = explain(Encoder(), "layer.0.first")
    assert [(c.kernel.name, c.kernel.plugin, c.reason) for c in found.candidates] == [
        ("Bad", "ours", "its input is too narrow"),
        ("Good", "ours", None),
    ]
    assert explain(Encoder(), "norm").candidates == ()
    with pytest.raises(SelectionError, match=r"path='layer\.7' matches none"):
        explain(Encoder(), "layer.7")


def test_a_kernel_given_as_text_is_imported_when_it_is_used() -> None:
    kernel = KernelSpec("L", "torch.nn.modules.linear.Linear", "core_kernels:FakeLinear")
    assert kernel.target == "torch.nn.modules.linear.Linear"
    made = plan(small_model(), Policy("p", (), (Rule(nn.Linear, kernel),)))
    built: type[TTNNModule] = made.replacements[0].kernel.kernel_class()
    assert built is FakeLinear
