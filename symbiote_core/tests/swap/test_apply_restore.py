"""All replacements or none, and back to the very same objects."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import core_strategies as some
import pytest
import torch
from core_kernels import (
    Block,
    FailsToBuild,
    FakeBlock,
    FakeLinear,
    Relu,
    small_model,
)
from hypothesis import given, settings
from torch import nn

from symbiote_core import (
    AlreadySwappedError,
    NothingReplacedError,
    ReplacementError,
    RestoreError,
    accelerate,
    apply,
    plan,
    restore,
    set_device,
)

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])
LINEARS = {nn.Linear: FakeLinear}


def _places(model: nn.Module) -> list[tuple[str, int]]:
    """Every path, shared ones too, with the identity of what stands there."""
    return [(path, id(m)) for path, m in model.named_modules(remove_duplicate=False)]


def _hooks(model: nn.Module) -> list[list[int]]:
    return [[*m._forward_hooks, *m._forward_pre_hooks] for m in model.modules()]


@settings(max_examples=80, deadline=None)
@given(some.module_trees())
def test_restore_gives_back_the_same_objects_in_the_same_places(model: nn.Module) -> None:
    places, hooks, state = _places(model), _hooks(model), list(model.state_dict())
    attributes = set(vars(model))
    try:
        todo = plan(model, {Block: FakeBlock, nn.Linear: FakeLinear, nn.ReLU: Relu})
    except NothingReplacedError:
        return
    swap = apply(todo, model)
    assert len({id(m) for m in swap.modules}) == len(todo.replacements)
    assert [path for path, _ in model.named_modules(remove_duplicate=False)] == [
        p for p, _ in places
    ]
    assert list(model.state_dict()) == state
    assert not any(type(m) in (Block, nn.Linear, nn.ReLU) for m in _outside_kernels(model))
    assert restore(model) == len(todo.replacements)
    assert (_places(model), _hooks(model)) == (places, hooks)
    assert set(vars(model)) == attributes


def _outside_kernels(model: nn.Module) -> list[nn.Module]:
    found, stack = [], [model]
    while stack:
        module = stack.pop()
        found.append(module)
        if type(module) not in (FakeBlock, FakeLinear, Relu):
            stack.extend(module.children())
    return found


def test_a_shared_module_is_replaced_at_both_places_and_restored_at_both() -> None:
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), nn.Sequential(shared)).eval()
    expected = model(X)
    told = accelerate(model, "fake", LINEARS)
    assert told.modules[0].paths == ("0", "2.0")
    assert model[0] is model[2][0]
    assert type(model[0]) is FakeLinear
    assert torch.allclose(model(X), expected, rtol=0.05, atol=0.05)
    restore(model)
    assert model[0] is shared
    assert model[2][0] is shared


def test_a_layer_with_swapped_parts_is_replaced_whole_after_restore_alone() -> None:
    model = nn.Sequential(Block(), Block())
    accelerate(model, "fake", LINEARS)
    whole = {Block: FakeBlock}
    before = dict(model.named_modules())
    with pytest.raises(AlreadySwappedError, match=r"FakeBlock would .*restore\(model\) first"):
        accelerate(model, "fake", whole)
    assert dict(model.named_modules()) == before
    restore(model)
    accelerate(model, "fake", whole)


def test_applying_twice_changes_nothing() -> None:
    model = small_model()
    first = apply(plan(model, LINEARS), model)
    modules = list(model)
    again = apply(plan(model, LINEARS), model)
    assert again is first
    assert all(a is b for a, b in zip(model, modules, strict=True))
    assert len(again.applied) == 2
    assert len(model._forward_hooks) == 1


def test_an_old_plan_can_be_applied_again() -> None:
    model = small_model()
    todo = plan(model, LINEARS)
    apply(todo, model)
    modules = list(model)
    apply(todo, model)
    assert all(a is b for a, b in zip(model, modules, strict=True))


def test_a_kernel_that_fails_to_build_last_leaves_the_model_as_it_was() -> None:
    model = small_model()
    places, attributes = _places(model), set(vars(model))
    with pytest.raises(ReplacementError) as caught:
        apply(plan(model, {nn.Linear: FailsToBuild}), model)
    assert str(caught.value) == (
        "FailsToBuild (plugin core_kernels) failed in from_torch for module '2': KeyError: "
        "'three'. The model was left as it was. "
        "Exclude the module with exclude='2', or mend the kernel."
    )
    error = caught.value
    assert (error.path, error.kernel, error.stage) == ("2", "FailsToBuild", "from_torch")
    assert (_places(model), set(vars(model))) == (places, attributes)
    assert not model._forward_hooks


def test_a_from_torch_that_returns_something_else() -> None:
    class Wrong(FakeLinear):
        @classmethod
        def from_torch(cls, torch_layer: nn.Module) -> Any:
            return torch_layer

    model = small_model()
    with pytest.raises(
        ReplacementError, match=r"Wrong\.from_torch returned Linear; return an inst"
    ):
        apply(plan(model, {nn.Linear: Wrong}), model)


def test_a_config_that_a_kernel_refuses_is_told_with_its_stage() -> None:
    class Choosy(FakeLinear):
        def set_model_config(self, config: Any) -> None:
            raise ValueError("weight_dtype must be bfloat16")

    model = small_model()
    with pytest.raises(ReplacementError, match="failed in set_model_config for module '0': ValueE"):
        apply(plan(model, {nn.Linear: Choosy}), model, {"weight_dtype": "int3"})
    assert type(model[0]) is nn.Linear


def test_a_from_torch_that_forgets_the_torch_layer_is_helped() -> None:
    class Forgets(FakeLinear):
        @classmethod
        def from_torch(cls, torch_layer: nn.Module) -> Any:
            return cls()

    model = small_model()
    expected = model(X)
    accelerate(model, "fake", {nn.Linear: Forgets}, strict=True)
    assert torch.equal(model(X), expected)


def test_restore_frees_the_device_and_keeps_later_changes() -> None:
    model = small_model()
    accelerate(model, "fake", LINEARS)
    device = model[0].device
    assert device.live == 4
    model[0].weight.zero_()
    model.train()
    restore(model)
    gc.collect()
    assert device.live == 0
    assert float(model[0].weight.abs().sum()) == 0
    assert model[0].training


def test_restore_of_a_model_that_was_not_swapped_does_nothing() -> None:
    assert restore(small_model()) == 0


def test_restore_after_somebody_replaced_a_module() -> None:
    model = small_model()
    accelerate(model, "fake", LINEARS)
    kept = model[2]
    model[0] = nn.Identity()
    with pytest.raises(RestoreError) as caught:
        restore(model)
    assert str(caught.value) == (
        "'0' no longer holds the FakeLinear that was put there, so the swap can't be undone. Put "
        "it back, or load the model anew."
    )
    assert model[2] is kept


def test_restore_after_somebody_deleted_the_parent() -> None:
    model = nn.Sequential(small_model())
    accelerate(model.eval(), "fake", LINEARS)
    del model[0]
    with pytest.raises(
        RestoreError, match=r"'0\.0' no longer holds the FakeLinear that was put there"
    ):
        restore(model)


def test_restore_leaves_the_modes_of_children_alone() -> None:
    model = nn.Sequential(Block()).eval()
    accelerate(model, "fake", {Block: FakeBlock})
    model.train()
    model[0].second.eval()
    restore(model)
    assert (model[0].training, model[0].first.training, model[0].second.training) == (
        True,
        True,
        False,
    )


def test_a_kernel_that_fails_to_free_does_not_keep_the_model_swapped() -> None:
    class CanNotFree(FakeLinear):
        def deallocate_weights_impl(self) -> None:
            raise RuntimeError("the device is closed")

    model = small_model()
    accelerate(model, "fake", {nn.Linear: CanNotFree})
    with pytest.raises(RuntimeError, match="the device is closed"):
        restore(model)
    assert [type(m) for m in model] == [nn.Linear, nn.ReLU, nn.Linear]
    assert not model._forward_hooks
    assert restore(model) == 0


def test_swapping_again_after_restore_works() -> None:
    model = small_model()
    expected = model(X)
    for _ in range(2):
        accelerate(model, "fake", LINEARS, strict=True)
        assert torch.equal(model(X), expected)
        restore(model)
        assert torch.equal(model(X), expected)


def test_a_swapped_model_can_be_garbage_collected() -> None:
    model = small_model()
    accelerate(model, "fake", LINEARS)
    model(X)
    device, gone = model[0].device, weakref.ref(model[0])
    del model
    gc.collect()
    assert gone() is None
    assert device.live == 0


def test_one_swapped_module_can_be_put_on_a_device_by_itself() -> None:
    module = FakeLinear.from_torch(small_model()[0])
    set_device(module, "fake")
    assert module.device is not None
