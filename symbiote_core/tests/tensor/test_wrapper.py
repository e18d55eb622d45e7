"""TorchTTNNTensor by itself: what it shows, its two copies, printing, copying, pickling."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from core_kernels import ttnn
from fake_runtime import FakeDevice, FakeRuntime

from symbiote_core import DeviceError, TorchTTNNTensor, active_runtime
from symbiote_core.runtime import activate

VALUES = torch.arange(6.0).reshape(2, 3)


@pytest.fixture
def tensor(device: FakeDevice, runtime: FakeRuntime) -> TorchTTNNTensor:
    """A tensor that is on the device only."""
    return TorchTTNNTensor(ttnn_tensor(device, runtime), runtime=runtime, device=device)


def ttnn_tensor(device: FakeDevice, runtime: FakeRuntime) -> object:
    return runtime.from_torch(VALUES, device)


def test_torch_code_sees_an_ordinary_cpu_tensor(tensor: TorchTTNNTensor) -> None:
    assert isinstance(tensor, torch.Tensor)
    assert (tensor.shape, tensor.dtype, tensor.ndim) == ((2, 3), torch.float32, 2)
    assert tensor.device == torch.device("cpu")
    assert tensor.is_contiguous()
    assert tensor.numel() == 6
    assert len(tensor) == 2


def test_the_dtype_to_show_can_be_chosen(device: FakeDevice, runtime: FakeRuntime) -> None:
    shown = TorchTTNNTensor(ttnn_tensor(device, runtime), torch.bfloat16, runtime, device)
    assert shown.dtype is torch.bfloat16
    assert shown.to_torch.dtype is torch.bfloat16
    assert TorchTTNNTensor(VALUES, torch.float16).to_torch.dtype is torch.float16


def test_it_is_downloaded_once(tensor: TorchTTNNTensor) -> None:
    first = tensor.to_torch
    assert torch.equal(first, VALUES)
    assert tensor.to_torch is first
    assert tensor._activity.downloads == 1
    assert tensor._activity.download_bytes == 12


def test_it_is_uploaded_once(device: FakeDevice) -> None:
    tensor = TorchTTNNTensor(VALUES, device=device)
    assert not tensor.is_on_device
    first = tensor.to_ttnn
    assert tensor.to_ttnn is first
    assert tensor.is_on_device
    assert tensor._activity.uploads == 1
    assert tensor._activity.upload_bytes == 24


def test_a_write_to_the_torch_tensor_it_was_made_of_is_seen(device: FakeDevice) -> None:
    mine = VALUES.clone()
    tensor = TorchTTNNTensor(mine, device=device)
    _ = tensor.to_ttnn
    mine.mul_(2)
    assert torch.equal(tensor.to_ttnn.get().float(), VALUES * 2)


def test_values_in_other_forms(tensor: TorchTTNNTensor) -> None:
    assert tensor.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert np.array_equal(tensor.numpy(), VALUES.numpy())
    assert np.asarray(tensor, dtype=np.int64).sum() == 15
    assert tensor[1, 2].item() == 5
    assert float(tensor.sum()) == 15
    assert bool((tensor == VALUES).all())
    assert f"{tensor.sum():.1f}" == "15.0"
    assert [row.tolist() for row in tensor] == VALUES.tolist()


def test_printing_shows_values_and_place(tensor: TorchTTNNTensor) -> None:
    assert repr(tensor).startswith("TorchTTNNTensor(tensor([[0., 1., 2.],")
    assert repr(tensor).endswith("on='device and host')")
    assert repr(TorchTTNNTensor(VALUES)).endswith("on='host')")
    assert "TorchTTNNTensor" in str(tensor)


def test_copies_have_values_of_their_own(tensor: TorchTTNNTensor) -> None:
    for copied in (tensor.clone(), copy.copy(tensor).clone(), copy.deepcopy(tensor)):
        assert type(copied) is TorchTTNNTensor
        copied.add_(1)
        assert torch.equal(copied.to_torch, VALUES + 1)
        assert torch.equal(tensor.to_torch, VALUES)
    assert copy.deepcopy(tensor).to_ttnn.device is tensor._ttnn_device


def test_pickle_keeps_the_values_and_leaves_the_device(tensor: TorchTTNNTensor) -> None:
    loaded = pickle.loads(pickle.dumps(tensor))
    assert type(loaded) is TorchTTNNTensor
    assert torch.equal(loaded.to_torch, VALUES)
    assert not loaded.is_on_device


def test_a_wrapped_tensor_is_not_wrapped_twice(tensor: TorchTTNNTensor) -> None:
    again = TorchTTNNTensor(tensor)
    assert type(again.to_torch) is torch.Tensor
    assert again.to_ttnn.device is tensor._ttnn_device


def test_a_host_tensor_without_a_device_says_how_to_give_it_one() -> None:
    with pytest.raises(DeviceError) as caught:
        _ = TorchTTNNTensor(VALUES).to_ttnn
    assert str(caught.value) == (
        "This TorchTTNNTensor has only a host copy and no device to upload it to. Give it one: "
        "TorchTTNNTensor(tensor, device=open_device('emulator'))."
    )


def test_what_is_no_tensor_is_refused(runtime: FakeRuntime) -> None:
    with pytest.raises(TypeError) as caught:
        TorchTTNNTensor([1, 2], runtime=runtime)
    assert str(caught.value) == (
        "TorchTTNNTensor wraps a torch tensor or a tensor of the runtime 'fake', got builtins.list."
    )


def test_the_active_runtime_is_the_default(device: FakeDevice, runtime: FakeRuntime) -> None:
    activate(runtime)
    assert active_runtime() is runtime
    wrapped = TorchTTNNTensor(ttnn.from_torch(VALUES, device), device=device)
    assert torch.equal(wrapped.to_torch, VALUES)
