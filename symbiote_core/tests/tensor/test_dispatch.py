"""Torch operations on device tensors: a handler where there is one, else torch, recorded."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from core_kernels import Bringing, FakePlugin, ttnn
from fake_runtime import FakeDevice, FakeRuntime

from symbiote_core import (
    AmbiguousKernelError,
    AtenHandler,
    DispatchError,
    PluginManager,
    Settings,
    TorchTTNNTensor,
    active_runtime,
    set_plugin_manager,
    use_runtime,
)

VALUES = torch.arange(6.0).reshape(2, 3)


def _add(a: Any, b: Any, alpha: int = 1) -> Any:
    return ttnn.add(a, b) if alpha == 1 else NotImplemented


def _refuses(*args: Any) -> Any:
    raise RuntimeError("fake.mul: not today")


HANDLERS = [
    AtenHandler("aten.add.Tensor", _add),
    AtenHandler("aten.relu.default", lambda a: ttnn.relu(a)),
    AtenHandler("aten.mul.Tensor", _refuses),
    AtenHandler("aten.cat.default", lambda ts, dim=0: ttnn.concat(ts, dim)),
    AtenHandler("aten.select.int", lambda a, dim, index: ttnn.select(a, dim, index)),
    AtenHandler("aten.split.Tensor", lambda a, size, dim=0: ttnn.split(a, size, dim)),
    AtenHandler("aten.transpose.int", lambda a, i, j: ttnn.transpose(a, i, j)),
]


@pytest.fixture(autouse=True)
def handlers(runtime: FakeRuntime) -> Iterator[None]:
    """A plugin that handles some operations."""
    manager = PluginManager(Settings(autoload=False))
    manager.register(FakePlugin(runtime), "fake")
    manager.register(Bringing(handlers=HANDLERS), "ops")
    before = set_plugin_manager(manager)
    yield
    set_plugin_manager(before)


@pytest.fixture
def tensor(device: FakeDevice, runtime: FakeRuntime) -> TorchTTNNTensor:
    """A tensor that is on the device only."""
    on_device = runtime.from_torch(VALUES, device)
    return TorchTTNNTensor(on_device, runtime=runtime, device=device)


def test_a_handled_operation_stays_on_the_device(tensor: TorchTTNNTensor) -> None:
    out = torch.relu(tensor + tensor)
    assert type(out) is TorchTTNNTensor
    assert tensor._activity.downloads == 0
    assert not tensor._activity.op_fallbacks
    assert torch.equal(out.to_torch, VALUES * 2)


def test_an_operation_runs_on_the_runtime_of_its_tensor(tensor: TorchTTNNTensor) -> None:
    other = FakeRuntime("other")
    other.ttnn = types.SimpleNamespace()
    with use_runtime(other):
        assert torch.equal((tensor + tensor).to_torch, VALUES * 2)
        assert active_runtime() is other
    assert not tensor._activity.op_fallbacks


def test_a_plain_tensor_beside_it_is_uploaded(tensor: TorchTTNNTensor) -> None:
    for out in (tensor + VALUES, VALUES + tensor):
        assert torch.equal(out.to_torch, VALUES * 2)
    assert tensor._activity.uploads == 2
    assert (tensor + 1).dtype is torch.float32


def test_lists_of_tensors_are_taken_apart(tensor: TorchTTNNTensor) -> None:
    out = torch.cat([tensor, VALUES, tensor], dim=1)
    assert tensor._activity.downloads == 0
    assert torch.equal(out.to_torch, torch.cat([VALUES] * 3, 1))
    assert torch.equal(torch.stack([tensor, tensor], 1).to_torch, torch.stack([VALUES] * 2, 1))


def test_several_results_are_wrapped_each(tensor: TorchTTNNTensor) -> None:
    first, second = torch.split(tensor, 1)
    assert type(first) is type(second) is TorchTTNNTensor
    assert tensor._activity.downloads == 0
    second.fill_(7)
    assert tensor.tolist() == [[0, 1, 2], [7, 7, 7]]
    tensor.zero_()
    assert first.to_ttnn.get().tolist() == [[0, 0, 0]]


def test_a_transposed_tensor_is_not_contiguous_and_its_copy_is_one(tensor: TorchTTNNTensor) -> None:
    turned = tensor.transpose(0, 1)
    assert tensor._activity.downloads == 0
    assert turned.stride() == (1, 3)
    turned.contiguous().fill_(7)
    assert turned.reshape(-1).tolist() == [0, 3, 1, 4, 2, 5]
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        turned.view(-1)
    on_host = torch.exp(tensor).transpose(0, 1)
    assert torch.equal(on_host.reshape(-1).to_torch, VALUES.exp().t().reshape(-1))


def test_what_has_no_handler_runs_on_torch_and_is_recorded(tensor: TorchTTNNTensor) -> None:
    out = torch.exp(tensor)
    assert type(out) is TorchTTNNTensor
    assert torch.equal(out.to_torch, VALUES.exp())
    assert dict(tensor._activity.op_fallbacks) == {("aten.exp.default", "no handler"): 1}
    assert out.to_ttnn.device is tensor._ttnn_device


def test_a_handler_that_raises_or_declines_leaves_it_to_torch(tensor: TorchTTNNTensor) -> None:
    assert torch.equal((tensor * 2).to_torch, VALUES * 2)
    assert torch.equal(torch.add(tensor, tensor, alpha=3).to_torch, VALUES * 4)
    assert dict(tensor._activity.op_fallbacks) == {
        ("aten.mul.Tensor", "fake.mul: fake.mul: not today (handler of plugin ops)"): 1,
        ("aten.add.Tensor", "the handler of plugin ops declined"): 1,
    }


def test_dtypes_are_promoted_as_in_torch(device: FakeDevice, runtime: FakeRuntime) -> None:
    half = TorchTTNNTensor(runtime.from_torch(VALUES, device), torch.float16, runtime, device)
    assert (half + 1).dtype is torch.float16
    assert (half + VALUES).dtype is torch.float32
    assert (half + torch.tensor(2.0)).dtype is torch.float16


def test_a_view_on_the_device_follows_its_base(tensor: TorchTTNNTensor) -> None:
    row = tensor[1]
    assert tensor._activity.downloads == 0
    tensor.add_(10)
    assert torch.equal(row.to_torch, VALUES[1] + 10)
    assert torch.equal(row.to_ttnn.get().float(), VALUES[1] + 10)
    row.zero_()
    assert torch.equal(tensor.to_ttnn.get().float()[1], torch.zeros(3))


def test_a_view_of_a_view_follows_too(tensor: TorchTTNNTensor) -> None:
    one = tensor[1][2]
    tensor.add_(10)
    assert one.item() == 15
    other = tensor[1][2]
    _ = other.to_ttnn
    one.fill_(0)
    assert other.to_ttnn.get().item() == 0
    assert tensor[1].tolist() == [13, 14, 0]


def test_a_view_of_a_tensor_whose_torch_source_was_written_to(device: FakeDevice) -> None:
    mine = VALUES.clone()
    tensor = TorchTTNNTensor(mine, device=device)
    row = tensor[1]
    mine.add_(10)
    assert torch.equal(row.to_torch, VALUES[1] + 10)
    assert torch.equal(row.to_ttnn.get().float(), VALUES[1] + 10)


@pytest.mark.parametrize("call", ["t_", "unsqueeze_", "resize_"])
def test_a_change_of_shape_in_place_says_what_to_use(tensor: TorchTTNNTensor, call: str) -> None:
    arguments = {"t_": (), "unsqueeze_": (0,), "resize_": (3, 2)}[call]
    with pytest.raises(DispatchError) as caught:
        getattr(tensor, call)(*arguments)
    assert str(caught.value).endswith(
        "changes the shape or the storage of a TorchTTNNTensor in place, which it can't. Use the "
        f"form that returns a new tensor ({call.rstrip('_')})."
    )


def test_out_arguments_are_written_to(tensor: TorchTTNNTensor) -> None:
    plain = torch.empty(2, 3)
    assert torch.exp(tensor, out=plain) is plain
    assert torch.equal(plain, VALUES.exp())
    assert torch.add(plain, plain, out=tensor) is tensor
    assert torch.equal(tensor.to_torch, VALUES.exp() * 2)


def test_an_in_place_operation_returns_the_tensor_itself(tensor: TorchTTNNTensor) -> None:
    assert tensor.sub_(1) is tensor
    assert not tensor.is_on_device
    assert ("aten.sub_.Tensor", "in-place operations run on the host copy") in (
        tensor._activity.op_fallbacks
    )


def test_an_in_place_operation_with_a_handler_stays_on_the_device(tensor: TorchTTNNTensor) -> None:
    made = tensor + tensor
    view = made[1]
    assert made.add_(tensor) is made
    assert made.is_on_device
    assert not tensor._activity.op_fallbacks
    assert torch.equal(made.to_torch, VALUES * 3)
    assert torch.equal(view.to_torch, VALUES[1] * 3)
    assert torch.equal(tensor.to_torch, VALUES)


def test_an_in_place_operation_that_the_device_refuses_runs_on_torch_once(
    tensor: TorchTTNNTensor,
) -> None:
    assert tensor.mul_(2) is tensor
    assert torch.equal(tensor.to_torch, VALUES * 2)
    assert list(tensor._activity.op_fallbacks.values()) == [1]


def test_a_view_is_written_to_on_the_host(tensor: TorchTTNNTensor) -> None:
    made = tensor + 1
    made[1:].add_(1)
    assert torch.equal(made.to_torch[1], VALUES[1] + 2)
    assert torch.equal(made.to_torch[0], VALUES[0] + 1)


@pytest.mark.parametrize("make", ["new_zeros", "new_ones", "new_empty"])
def test_a_new_tensor_beside_one_is_of_torch_and_moves_nothing(
    tensor: TorchTTNNTensor, make: str
) -> None:
    made = tensor + 1
    new = getattr(made, make)(2, 5)
    assert type(new) is torch.Tensor
    assert (tuple(new.shape), new.dtype) == ((2, 5), made.dtype)
    assert torch.equal(made.new_full((2,), 3.0), torch.full((2,), 3.0))
    assert not made._activity.op_fallbacks
    assert made._host is None


def test_a_handler_for_an_operation_that_torch_does_not_have() -> None:
    with pytest.raises(
        ValueError, match=r"has no operation 'aten\.nothing\.x' \(plugin p\)\. Name"
    ):
        AtenHandler("aten.nothing.x", _add, "p").resolve()


def test_two_handlers_of_one_operation_name_both_plugins(runtime: FakeRuntime) -> None:
    manager = PluginManager(Settings(autoload=False))
    manager.register(Bringing(handlers=HANDLERS), "one")
    with pytest.raises(Exception, match="Plugin 'two' failed at contribute") as caught:
        manager.register(Bringing(handlers=HANDLERS[:1]), "two")
    assert isinstance(caught.value.__cause__, AmbiguousKernelError)
    assert str(caught.value.__cause__) == (
        "Plugins 'one' and 'two' both handle aten.add.Tensor. Block one of them with "
        "SYMBIOTE_PLUGINS."
    )
