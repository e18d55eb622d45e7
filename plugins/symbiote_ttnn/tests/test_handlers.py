"""Torch operations on device tensors stay on the device and give torch's results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import seeded

from symbiote_core import DispatchError, TorchTTNNTensor, pcc
from symbiote_core.fallback import Activity

F = torch.nn.functional

CASES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "add": lambda x: x + x,
    "add scalar": lambda x: x + 1.5,
    "radd scalar": lambda x: 2 + x,
    "add broadcast": lambda x: x + x[:1],
    "sub": lambda x: x - 2 * x,
    "mul": lambda x: x * x,
    "div": lambda x: x / 4,
    "relu": torch.relu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "leaky relu": lambda x: F.leaky_relu(x, 0.1),
    "neg": lambda x: -x,
    "exp": torch.exp,
    "softmax": lambda x: torch.softmax(x, -1),
    "first token": lambda x: x[:, 0],
    "last token": lambda x: x[:, -1],
    "all but the first": lambda x: x[:, 1:],
    "every other": lambda x: x[:, ::2],
    "view": lambda x: x.view(2, 6, 4, 8),
    "view with -1": lambda x: x.view(2, -1),
    "reshape": lambda x: x.reshape(12, 32),
    "transpose": lambda x: x.transpose(1, 2),
    "permute": lambda x: x.permute(2, 0, 1),
    "negative permute": lambda x: x.permute(0, -1, 1),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "squeeze": lambda x: x[:1].squeeze(0),
    "expand": lambda x: x[:, :1].expand(-1, 6, 32),
    "broadcast to": lambda x: torch.broadcast_to(x[:1], x.shape),
    "expanded factor": lambda x: x * x[:, :1].expand(x.shape),
    "expand in front": lambda x: x[:, None].expand(-1, 3, -1, -1),
    "repeat interleave": lambda x: x.repeat_interleave(3, dim=0),
    "add in place": lambda x: (x * 2).add_(x),
    "cat": lambda x: torch.cat([x, x], 1),
    "cat behind nothing": lambda x: torch.cat([torch.tensor([]), x], -2),
    "cat three behind nothing": lambda x: torch.cat([torch.tensor([]), x, x], -1),
    "split": lambda x: torch.stack(x.split(2, dim=1)),
    "last of an uneven split": lambda x: x.split(4, dim=1)[1],
    "split with sizes": lambda x: x.split([5, 20, 7], dim=-1)[1],
    "unbind": lambda x: torch.stack(x.unbind(-2)[::2]),
    "hidden scores": lambda x: torch.softmax(x + torch.full((6, 1), torch.finfo().min), -1),
    "chunk": lambda x: x.chunk(3, dim=-1)[2],
    "t": lambda x: x[0].t(),
    "t of a row": lambda x: x[0, 0].t(),
    "mm": lambda x: x[0] @ x[1].t(),
    "bmm": lambda x: x @ x.transpose(1, 2),
    "matmul of heads": lambda x: x.view(2, 6, 4, 8) @ x.view(2, 6, 8, 4),
    "stack": lambda x: torch.stack([x, x], 1),
    "clone": torch.clone,
    "contiguous": lambda x: x.transpose(1, 2).contiguous(),
    "to half": lambda x: x.half(),
    "to double and back": lambda x: x.to(torch.bfloat16).float(),
}


def wrapped(values: torch.Tensor, device: Any) -> TorchTTNNTensor:
    """``values`` on the device only."""
    tensor = TorchTTNNTensor(values, device=device, activity=Activity())
    tensor.to_ttnn  # noqa: B018 - uploads
    tensor._host = None
    return tensor


@pytest.mark.parametrize("name", CASES)
def test_it_stays_on_the_device(emulator: Any, name: str) -> None:
    values = seeded(2, 6, 32).bfloat16().float()
    x = wrapped(values, emulator)
    expected = CASES[name](values)
    actual = CASES[name](x)
    assert isinstance(actual, TorchTTNNTensor)
    assert actual.is_on_device
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert x._activity.op_fallbacks == {}
    assert x._activity.downloads == 0
    assert pcc(expected, actual.to_torch) > 0.999
    assert torch.allclose(expected.float(), actual.to_torch.float(), rtol=0.02, atol=0.02)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.lists(st.sampled_from(["first token", "transpose", "permute", "cat"]), max_size=3))
def test_moves_are_exact(emulator: Any, names: list[str]) -> None:
    values = torch.arange(2 * 6 * 32).reshape(2, 6, 32).float() % 251
    expected: torch.Tensor = values
    actual: torch.Tensor = wrapped(values, emulator)
    for name in names:
        if expected.ndim == 3:
            expected, actual = CASES[name](expected), CASES[name](actual)
    assert torch.equal(expected, actual.to_torch)  # type: ignore[attr-defined]


def test_what_has_no_handler_runs_on_torch_and_is_recorded(emulator: Any) -> None:
    values = seeded(2, 4)
    x = wrapped(values.bfloat16().float(), emulator)
    assert torch.equal(torch.sort(x).values.to_torch, torch.sort(values.bfloat16().float()).values)
    assert list(x._activity.op_fallbacks) == [("aten.sort.default", "no handler")]


def test_what_the_device_refuses_runs_on_torch_with_the_reason(emulator: Any) -> None:
    from symbiote_ttnn import ttnn

    x = wrapped(torch.ones(2, 4), emulator)
    y = wrapped(torch.ones(2, 4), emulator)
    y._host = torch.ones(2, 4)
    ttnn.deallocate(y._ttnn)
    assert (x + y).tolist() == [[2.0] * 4] * 2
    [(op, why)] = x._activity.op_fallbacks
    assert op == "aten.add.Tensor"
    assert why.startswith("ttnn.add: ")
    assert "not allocated" in why


def test_an_in_place_operation_leaves_no_stale_copy(emulator: Any) -> None:
    x = wrapped(torch.ones(2, 4), emulator)
    row = x[0]
    row.mul_(3)
    assert (x + 0).tolist() == [[3.0] * 4, [1.0] * 4]
    assert (row + 0).tolist() == [3.0] * 4
    x[1, 2] = 7
    assert (x + 0).tolist()[1] == [1.0, 1.0, 7.0, 1.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.double() - x.double().mean(),
        lambda x: (x.double() * 3).view(-1)[2:],
        lambda x: 1 / x.to(torch.float64),
        lambda x: x + torch.full((8,), 1e-9, dtype=torch.float64),
        lambda x: torch.cat([x.double(), x.double()]),
        lambda x: x.double().norm() * x.double().sum(),
        lambda x: torch.tensor(1 / 3, dtype=torch.float64) * x[0, 0, 0],
    ],
)
def test_what_asks_for_float64_is_computed_by_torch_visibly(emulator: Any, call: Any) -> None:
    values = seeded(2, 6, 8).bfloat16().float()
    activity = Activity()
    got = call(TorchTTNNTensor(values, device=emulator, activity=activity))
    want = call(values)
    assert got.dtype == want.dtype == torch.float64
    assert torch.equal(torch.as_tensor(got.to_torch), want)
    assert "TTNN has no float64" in {why for _, why in activity.op_fallbacks}


def test_correlation_with_a_device_tensor_is_that_with_its_values(emulator: Any) -> None:
    values = seeded(2, 40, 64).bfloat16().float()
    there, other = TorchTTNNTensor(values, device=emulator), seeded(2, 40, 64, seed=1) + values
    assert there.to_ttnn is not None
    assert pcc(other, there) == pytest.approx(pcc(other, values), abs=1e-12)


def test_what_torch_has_a_device_tensor_laid_out_as_it_is_changes_nothing(emulator: Any) -> None:
    # Torch does so to a mean over the last dimensions of what is laid out with channels last.
    values = seeded(2, 6, 32).bfloat16().float()
    expected = F.adaptive_avg_pool1d(values.transpose(1, 2), 1)
    actual: Any = F.adaptive_avg_pool1d(wrapped(values, emulator).transpose(1, 2), 1)
    assert torch.allclose(expected, actual.to_torch, atol=0.01)
    x = wrapped(values, emulator)
    with pytest.raises(DispatchError, match=r"as_strided_\.default changes the shape or the"):
        x.as_strided_((2, 32, 6), (192, 1, 32))


@pytest.mark.parametrize("way", ["added", "filled"])
def test_rows_of_which_all_is_hidden_by_the_lowest_number_are_no_nan(
    emulator: Any, way: str
) -> None:
    x = wrapped(seeded(2, 4, 32), emulator)
    lowest = torch.finfo(torch.float32).min
    hidden = torch.zeros(4, 32, dtype=torch.bool)
    hidden[1], hidden[2, 5:] = True, True
    scores: Any = x.masked_fill(hidden, lowest)
    if way == "added":
        scores = x + torch.zeros(4, 32).masked_fill(hidden, lowest)
    weights: Any = torch.softmax(scores, -1)
    host = weights.to_torch
    assert torch.allclose(host[:, 1], torch.full((2, 32), 1 / 32), atol=1e-3)
    assert not host[:, 2, 5:].any()
    infinite: Any = x + torch.full((32,), -torch.inf)
    assert infinite.to_torch.isneginf().all()
