"""A kernel that fails: right answer from torch, one warning, a record; an error if strict."""

from __future__ import annotations

import collections
import warnings

import pytest
import torch
from core_kernels import (
    Block,
    EatsInput,
    Failing,
    FakeBlock,
    FakeLinear,
    Identity,
    Picky,
    WrongShape,
    small_model,
    ttnn,
)
from fake_runtime import FakeDevice
from torch import nn

from symbiote_core import (
    FallbackWarning,
    TTNNExecutionError,
    TTNNModule,
    accelerate,
    report,
    reset_fallbacks,
)

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])
REFUSED = "fake.linear: the last dimension must be a multiple of 32"


def _reasons(model: nn.Module) -> dict[str, int]:
    counts: collections.Counter[str] = collections.Counter()
    for fallback in report(model).fallbacks:
        counts[fallback.cause.reason] += fallback.count
    return dict(counts)


def test_a_kernel_that_raises_gives_the_right_answer_and_one_warning() -> None:
    model = nn.Sequential(*[nn.Linear(4, 4) for _ in range(5)]).eval()
    expected = model(X)
    accelerate(model, "fake", {nn.Linear: Failing})
    with pytest.warns(FallbackWarning) as caught:
        results = [model(X) for _ in range(4)]
    assert all(torch.equal(result, expected) for result in results)
    assert [str(w.message) for w in caught] == [
        "Failing (plugin core_kernels) at '0' failed in fake.linear on [1, 4] float32 "
        f"[ttnn_error]: {REFUSED}. It ran on torch instead; the result is right but not "
        "accelerated. This cause is reported once; report(model) counts them."
    ]
    told = report(model)
    assert told.fallback_count == 20
    assert [(f.cause.kernel, f.cause.op, f.cause.message) for f in told.fallbacks] == [
        ("Failing", "fake.linear", REFUSED)
    ]
    assert [m.fallbacks for m in told.modules] == [4] * 5
    assert told.events[1].path == "1"


def test_the_warning_points_at_the_line_that_called_the_model() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4))).eval()
    accelerate(model, "fake", {nn.Linear: Failing})
    script = compile("\n\nmodel(x)", "users_script.py", "exec")
    with pytest.warns(FallbackWarning) as caught:
        exec(script, {"__name__": "__main__", "model": model, "x": X})
    assert (caught[0].filename, caught[0].lineno) == ("users_script.py", 3)


def test_strict_raises_with_the_data_of_the_event() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: Failing}, strict=True)
    with pytest.raises(TTNNExecutionError) as caught:
        model(X)
    assert str(caught.value) == (
        "Failing (plugin core_kernels) at '0' failed in fake.linear on [1, 4] float32 "
        f"[ttnn_error]: {REFUSED}. Strict mode runs nothing on torch: mend the call or the kernel, "
        "exclude the module with exclude='0', or leave strict=True out to fall back to torch."
    )
    event = caught.value.event
    assert (event.path, event.kernel, event.op) == ("0", "Failing", "fake.linear")
    assert (event.shapes, event.dtypes) == (((1, 4),), ("float32",))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_wrong_shape_falls_back_and_says_both_shapes() -> None:
    model = small_model()
    expected = model(X)
    accelerate(model, "fake", {nn.Linear: WrongShape})
    with pytest.warns(FallbackWarning, match="WrongShape.forward returned"):  # one each
        assert torch.equal(model(X), expected)
    assert {f.cause.message for f in report(model).fallbacks} == {
        f"WrongShape.forward returned [{n}], the torch layer returns [1, {n}] for these inputs. "
        "Return a tensor of that logical shape"
        for n in (8, 3)
    }
    assert {f.cause.reason for f in report(model).fallbacks} == {"wrong_shape"}


def test_a_freed_weight_falls_back() -> None:
    model = small_model()
    expected = model(X)
    accelerate(model, "fake", {nn.Linear: FakeLinear}, include="0")
    ttnn.deallocate(model[0].tt_weight)
    with pytest.warns(FallbackWarning, match=r"\[ttnn_error\]: fake\.op: the tensor is not alloc"):
        assert torch.equal(model(X), expected)
    model[0].deallocate_weights()
    reset_fallbacks(model)
    assert torch.equal(model(X), expected)
    assert report(model).fallback_count == 0


def test_float64_runs_on_torch_and_stays_float64() -> None:
    model = small_model().double()
    expected = model(X.double())
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    with pytest.warns(FallbackWarning, match=r"TTNN has no float64; convert the model and its inp"):
        out = model(X.double())
    assert out.dtype is torch.float64
    assert torch.equal(out, expected)
    assert _reasons(model) == {"unsupported_dtype": 2}


def test_an_empty_batch_runs_on_torch() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    with pytest.warns(FallbackWarning, match=r"the input of shape \[0, [48]\] is empty"):
        assert model(torch.ones(0, 4)).shape == (0, 3)
    assert _reasons(model) == {"empty_input": 2}


def test_what_a_kernel_does_not_take_runs_on_torch_and_the_rest_does_not() -> None:
    model = small_model()
    batch = X.expand(3, 4)
    expected = model(batch)
    accelerate(model, "fake", {nn.Linear: Picky})
    model(X)
    with pytest.warns(FallbackWarning, match=r"\[unsupported_input\]: batches of more than 2"):
        assert torch.equal(model(batch), expected)
    assert [(m.calls, m.fallbacks) for m in report(model).modules] == [(1, 1), (1, 1)]


def test_training_mode_and_gradients_run_on_torch() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    model.train()
    with pytest.warns(FallbackWarning, match="the module is in training mode; call model.eval()"):
        model(X)
    model.eval()
    x = X.clone().requires_grad_()
    with torch.enable_grad():
        with pytest.warns(FallbackWarning, match="an input requires a gradient"):
            out = model(x)
        out.sum().backward()
    assert x.grad is not None
    assert model[0].weight.grad is not None
    assert _reasons(model) == {"needs_grad": 4}


def test_needs_grad_never_keeps_a_module_on_torch() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    model.train()
    with pytest.warns(FallbackWarning):
        _ = [model(X) for _ in range(5)]
    model.eval()
    model(X)
    assert [m.calls for m in report(model).modules] == [1, 1]


def test_a_failure_in_a_part_says_which_and_is_one_cause_for_all_layers() -> None:
    class Parts(FakeBlock):
        @classmethod
        def from_torch(cls, torch_layer: nn.Module) -> TTNNModule:
            new = super().from_torch(torch_layer)
            new.rest = [Failing.from_torch(torch_layer.second)]
            return new

    model = nn.Sequential(Block(), Block()).eval()
    expected = model(X)
    accelerate(model, "fake", {Block: Parts})
    with pytest.warns(FallbackWarning, match="in its part 'rest.0': fake.linear: the") as caught:
        assert torch.equal(model(X), expected)
    assert len(caught) == 1
    assert [f.count for f in report(model).fallbacks] == [2]


class Flaky(FakeLinear):
    """Fails while it is told to."""

    broken = True
    tries = 0

    def forward(self, x: object) -> object:
        type(self).tries += 1
        if type(self).broken:
            raise RuntimeError("fake.linear: busy")
        return ttnn.linear(x, self.tt_weight, self.tt_bias)


def test_three_failures_of_one_kind_keep_a_module_on_torch_until_reset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Flaky, "broken", True)
    monkeypatch.setattr(Flaky, "tries", 0)
    model = small_model()
    expected = model(X)
    accelerate(model, "fake", {nn.Linear: Flaky}, include="0")
    with pytest.warns(FallbackWarning) as caught:
        results = [model(X) for _ in range(6)]
    assert all(torch.equal(result, expected) for result in results)
    assert len(caught) == 1
    assert Flaky.tries == 3
    assert report(model).fallback_count == 6
    monkeypatch.setattr(Flaky, "broken", False)
    model(X)
    assert Flaky.tries == 3
    reset_fallbacks(model)
    assert report(model).fallback_count == 0
    assert torch.equal(model(X), expected)
    assert Flaky.tries == 4
    assert report(model).fallback_count == 0


def test_a_kernel_that_freed_its_host_input_still_falls_back() -> None:
    model = small_model()
    expected = model(X)
    accelerate(model, "fake", {nn.Linear: EatsInput}, include="0")
    with pytest.warns(FallbackWarning):
        assert torch.equal(model(X), expected)


def test_a_kernel_that_freed_the_only_copy_of_its_input_is_an_error() -> None:
    model = nn.Sequential(nn.Identity(), nn.Linear(4, 3)).eval()
    accelerate(model, "fake", {nn.Identity: Copies, nn.Linear: EatsInput})
    with pytest.raises(TTNNExecutionError, match=r"EatsInput \(plugin core_kernels\) at '1'") as e:
        model(X)
    assert "the kernel deallocated its input before its output existed" in str(e.value.__cause__)


class Copies(Identity):
    """An identity whose output is a tensor of its own."""

    def forward(self, x: object) -> object:
        return ttnn.add(x, 0)


class RunsOut(TTNNModule):
    """Needs room for one more tensor than there is with all weights on the device."""

    def forward(self, x: object) -> object:
        return ttnn.relu(ttnn.relu(x))


def test_out_of_memory_frees_the_others_and_tries_once_more() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU()).eval()
    model[0].weight.data, model[0].bias.data = torch.eye(4), torch.zeros(4)
    accelerate(model, "fake", {nn.Linear: FakeLinear, nn.ReLU: RunsOut})
    device: FakeDevice = model[1].device
    device.capacity = 4  # two weights, the input, one result
    held = model[0](X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = model[1](held)
    assert torch.equal(out.to_torch, X.relu())
    assert model[0].weight_state.value == "torch"
    assert report(model).fallback_count == 0


def test_out_of_memory_that_stays_falls_back_with_one_warning() -> None:
    model = small_model()
    expected = model(X)
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    model[0].device.capacity = 0
    with pytest.warns(FallbackWarning, match=r"\[out_of_memory\]: Out of Memory") as caught:
        results = [model(X) for _ in range(5)]
    assert all(torch.equal(result, expected) for result in results)
    assert len(caught) == 1
    assert _reasons(model) == {"out_of_memory": 10}


def test_nothing_is_warned_about_when_nothing_falls_back() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(X)
