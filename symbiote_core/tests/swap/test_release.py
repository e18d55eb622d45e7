"""Models whose torch weights are let go, and models that never had them in memory."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from core_kernels import FakeLinear, ttnn
from safetensors.torch import save_file
from torch import nn

from symbiote_core import (
    CheckpointError,
    FallbackWarning,
    KernelSpec,
    MetaModelError,
    Policy,
    ReleasedWeightsError,
    ReplacementError,
    Rule,
    TTNNModule,
    accelerate,
    report,
    restore,
    without_weights,
)

X = torch.tensor([[1.0, -2.0, 3.0, 1.0]])
POLICY = Policy(
    "linear", (), (Rule(nn.Linear, KernelSpec("FakeLinear", nn.Linear, FakeLinear, plugin="t")),)
)


class Net(nn.Module):
    """Two tied linears, one of its own, and a norm and a buffer that stay on torch."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = (nn.Linear(4, 4) for _ in range(3))
        self.last.weight = self.first.weight
        self.norm = nn.LayerNorm(4)
        self.register_buffer("steps", torch.arange(4.0), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.middle(self.first(x)) + self.steps)
        out: torch.Tensor = self.last(x)
        return out


def build() -> Any:
    torch.manual_seed(0)
    model = Net().eval()
    for parameter in model.parameters():
        parameter.data = torch.randint(-2, 3, parameter.shape).float()
    return model


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The model's weights as save_pretrained writes them: tied ones once."""
    values = {k: v.contiguous() for k, v in build().state_dict().items() if k != "last.weight"}
    save_file(values, tmp_path / "model.safetensors")
    return tmp_path


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    with torch.no_grad():
        yield


def swapped(checkpoint: Path | None, **options: Any) -> Any:
    model = build()
    accelerate(model, "fake", POLICY, checkpoint=checkpoint, release_torch_weights=True, **options)
    return model


def answer(**changed: torch.Tensor) -> torch.Tensor:
    """What the swapped model gives with all of its weights in memory."""
    model = build()
    for name, value in changed.items():
        model.get_parameter(name.replace("__", ".")).copy_(value)
    accelerate(model, "fake", POLICY)
    out: torch.Tensor = model(X)
    return out


def bytes_held(model: nn.Module) -> int:
    """Bytes of the storages of the parameters, each once."""
    storages = {}
    for parameter in model.parameters():
        with torch._C.DisableTorchFunctionSubclass():
            storage = parameter.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def test_what_is_converted_is_let_go_and_the_answer_is_the_same(checkpoint: Path) -> None:
    whole, model = bytes_held(build()), swapped(checkpoint)
    assert torch.equal(model(X), answer())
    norm = 2 * 4 * 4
    assert whole > 100 > norm
    assert bytes_held(model) < norm + 40  # a placeholder holds one number
    assert report(model).fallback_count == 0


def test_shapes_and_dtypes_are_still_told(checkpoint: Path) -> None:
    model, original = swapped(checkpoint), build()
    for (name, got), (wanted, want) in zip(
        model.named_parameters(), original.named_parameters(), strict=True
    ):
        assert (name, got.shape, got.dtype) == (wanted, want.shape, want.dtype)
        assert (got.device, got.numel()) == (want.device, want.numel())
    assert model.last.weight is model.first.weight


def test_state_dict_is_the_original_one(checkpoint: Path) -> None:
    model, expected = swapped(checkpoint), build().state_dict()
    for _ in range(2):
        told = model.state_dict()
        assert told.keys() == expected.keys()
        assert all(torch.equal(told[k], v) for k, v in expected.items())
    assert torch.equal(model.middle.state_dict()["weight"], expected["middle.weight"])


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.first.weight + 1,
        lambda model: model.first.weight.sum(),
        lambda model: copy.deepcopy(model),
        lambda model: model.half(),
        lambda model: model.first.weight.data,
        lambda model: float(model.first.bias[0]),
    ],
)
def test_asking_for_values_says_what_to_do(checkpoint: Path, ask: Any) -> None:
    with pytest.raises(ReleasedWeightsError, match=r"first\.\w+ was let go.*model.state_dict\(\)"):
        ask(swapped(checkpoint))


def test_restored_it_is_the_original(checkpoint: Path) -> None:
    model, original = swapped(checkpoint), build()
    assert restore(model) == 3
    assert torch.equal(model(X), original(X))
    assert all(type(p) is nn.Parameter for p in model.parameters())


def test_a_fallback_reads_the_weights_again_and_lets_go_of_them(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, expected = swapped(checkpoint), build()(X)
    held = bytes_held(model)

    def fails(*args: Any) -> Any:
        raise RuntimeError("no luck")

    monkeypatch.setattr(ttnn, "linear", fails, raising=False)
    with pytest.warns(FallbackWarning, match="no luck"):
        assert torch.equal(model(X), expected)
    assert bytes_held(model) == held


def test_freed_weights_are_converted_from_the_checkpoint_again(checkpoint: Path) -> None:
    model = swapped(checkpoint)
    model.middle.deallocate_weights()
    assert torch.equal(model(X), answer())
    assert report(model).fallback_count == 0


def test_a_replaced_parameter_is_noticed(checkpoint: Path) -> None:
    model, value = swapped(checkpoint), torch.full((4, 4), 2.0)
    model.middle.weight = nn.Parameter(value, requires_grad=False)
    assert torch.equal(model(X), answer(middle__weight=value))


def test_without_a_checkpoint_what_needs_values_says_why_it_can_not() -> None:
    model = swapped(None)
    assert torch.equal(model(X), answer())
    for ask in (model.state_dict, lambda: restore(model)):
        with pytest.raises(ReleasedWeightsError, match=r"no checkpoint is known.*checkpoint="):
            ask()
    assert torch.equal(model(X), answer())  # and nothing is lost


def test_a_model_that_differs_from_the_checkpoint_is_not_let_go(checkpoint: Path) -> None:
    model = build()
    model.middle.weight[0, 0] += 1
    expected = model(X)
    with pytest.raises(CheckpointError, match=r"middle.weight has other values.*Save the model"):
        accelerate(model, "fake", POLICY, checkpoint=checkpoint, release_torch_weights=True)
    assert torch.equal(model(X), expected)
    assert not any(isinstance(m, TTNNModule) for m in model.modules())
    assert all(type(p) is nn.Parameter for p in model.parameters())


def test_an_interruption_leaves_the_model_as_it_was(checkpoint: Path) -> None:
    model = build()
    expected = model(X)

    def interrupted(stage: str, done: int, total: int, path: str) -> None:
        if (stage, done) == ("convert", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        accelerate(
            model,
            "fake",
            POLICY,
            progress=interrupted,
            checkpoint=checkpoint,
            release_torch_weights=True,
        )
    assert torch.equal(model(X), expected)
    assert not any(isinstance(m, TTNNModule) for m in model.modules())


def test_an_interruption_while_letting_go_leaves_the_model_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a checkpoint, nothing could be read again."""
    from symbiote_core.swap.release import Releaser

    model, release, seen = build(), Releaser.release, []
    expected = model(X)

    def interrupted(self: Releaser, module: TTNNModule) -> None:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(module)
        release(self, module)

    monkeypatch.setattr(Releaser, "release", interrupted)
    with pytest.raises(KeyboardInterrupt):
        accelerate(model, "fake", POLICY, release_torch_weights=True)
    assert torch.equal(model(X), expected)
    assert not any(isinstance(m, TTNNModule) for m in model.modules())


# -- models without values -------------------------------------------------------------------------


def hollow() -> Any:
    with without_weights():
        return Net().eval()


def test_a_model_without_values_is_read_one_module_at_a_time(checkpoint: Path) -> None:
    model = hollow()
    assert all(p.is_meta for p in model.parameters())
    assert torch.equal(model.steps, torch.arange(4.0))  # buffers are computed
    assert model.last.weight is model.first.weight
    accelerate(model, "fake", POLICY, checkpoint=checkpoint)
    assert torch.equal(model(X), answer())
    told = model.state_dict()
    assert all(torch.equal(told[k], v) for k, v in build().state_dict().items())
    restore(model)
    assert torch.equal(model(X), build()(X))


def test_buffers_that_a_checkpoint_has_are_read_too(tmp_path: Path) -> None:
    """Those it lacks keep the values that they were built with."""

    def model() -> Any:
        return nn.Sequential(Net(), nn.BatchNorm1d(4)).eval()

    original = model()
    original[1].running_mean += 3.0
    original[1].running_var *= 2.0
    values = {key: value.clone() for key, value in original.state_dict().items()}
    del values["1.num_batches_tracked"]
    save_file(values, tmp_path / "model.safetensors")
    with without_weights():
        hollow = model()
    accelerate(hollow, "fake:0", policy=POLICY, checkpoint=tmp_path)
    assert torch.equal(hollow[1].running_mean, original[1].running_mean)
    assert torch.equal(hollow[1].running_var, original[1].running_var)
    assert torch.equal(hollow[0].steps, original[0].steps)
    torch.testing.assert_close(hollow(X), original(X), rtol=0.01, atol=0.01)


def test_without_a_checkpoint_a_model_without_values_is_refused() -> None:
    with pytest.raises(MetaModelError, match="meta device"):
        accelerate(hollow(), "fake", POLICY)


def test_a_checkpoint_that_lacks_a_tensor_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    values = {k: v for k, v in build().state_dict().items() if k.startswith(("first", "norm"))}
    save_file(values, tmp_path / "some.safetensors")
    model = hollow()
    with pytest.raises(ReplacementError, match=r"has no tensor 'middle.weight'"):
        accelerate(model, "fake", POLICY, checkpoint=tmp_path / "some.safetensors")
    assert all(p.is_meta for p in model.parameters())
    assert not any(isinstance(m, TTNNModule) for m in model.modules())


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    values = build().state_dict() | {"norm.weight": torch.ones(5)}
    save_file({k: v.clone() for k, v in values.items()}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"norm.weight is \[5\].*\[4\] in the model"):
        accelerate(hollow(), "fake", POLICY, checkpoint=tmp_path)


def test_several_files_are_read_by_their_index(tmp_path: Path) -> None:
    import json

    values = {k: v.clone() for k, v in build().state_dict().items()}
    files = {name: f"part-{index % 2}.safetensors" for index, name in enumerate(values)}
    for file in set(files.values()):
        save_file({k: v for k, v in values.items() if files[k] == file}, tmp_path / file)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    model = hollow()
    accelerate(model, "fake", POLICY, checkpoint=tmp_path)
    assert torch.equal(model(X), answer())


def test_no_checkpoint_is_told_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*model.safetensors.*save_pretr"):
        accelerate(build(), "fake", POLICY, checkpoint=tmp_path)
    broken = tmp_path / "model.safetensors"
    broken.write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointError, match="can't be read as safetensors"):
        accelerate(build(), "fake", POLICY, checkpoint=tmp_path)
