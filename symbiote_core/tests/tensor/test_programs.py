"""Random torch programs on a device tensor give what they give on a plain torch tensor.

The values are small integers, which bfloat16 holds exactly. Every tensor in play has a device copy
before the next step, so that a stale one would show at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import core_strategies as some
import torch
from core_kernels import Bringing, FakePlugin, ttnn
from fake_runtime import FakeDevice, FakeRuntime
from hypothesis import given, settings
from hypothesis import strategies as st

from symbiote_core import (
    AtenHandler,
    PluginManager,
    Settings,
    TorchTTNNTensor,
    set_plugin_manager,
)

HANDLERS = [
    AtenHandler("aten.relu.default", lambda a: ttnn.relu(a)),
    AtenHandler("aten.select.int", lambda a, dim, index: ttnn.select(a, dim, index)),
    AtenHandler("aten.cat.default", lambda ts, dim=0: ttnn.concat(ts, dim)),
    AtenHandler("aten.transpose.int", lambda a, i, j: ttnn.transpose(a, i, j)),
    AtenHandler("aten.split.Tensor", lambda a, size, dim=0: ttnn.split(a, size, dim)),
]

Step = Callable[[list[torch.Tensor], int, int], torch.Tensor | None]


def _small(x: torch.Tensor) -> torch.Tensor:
    """Keep values where bfloat16 is exact."""
    return x.clamp(-64, 64)


# Each step takes the tensors so far and two numbers that choose among them; it returns a new
# tensor, or None where it wrote to one.
def _write(function: Callable[[torch.Tensor, torch.Tensor], Any]) -> Step:
    def step(pool: list[torch.Tensor], i: int, j: int) -> None:
        target = pool[i % len(pool)]
        function(target, pool[j % len(pool)])
        target.clamp_(-64, 64)

    return step


def _make(function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Step:
    return lambda pool, i, j: function(pool[i % len(pool)], pool[j % len(pool)])


def _row(x: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
    return x[-1] if x.ndim else x


def _assign_row(x: torch.Tensor, j: torch.Tensor) -> None:
    if x.ndim:
        x[0] = j.sum().clamp(-64, 64)


def _assign_masked(x: torch.Tensor, j: torch.Tensor) -> None:
    x[x > 1] = -3


def _copy(x: torch.Tensor, j: torch.Tensor) -> None:
    if x.shape == j.shape:
        x.copy_(j.clone())


STEPS: dict[str, Step] = {
    "row": _make(_row),
    "column": _make(lambda x, j: x[..., 0] if x.ndim else x),
    "transpose": _make(lambda x, j: x.transpose(0, -1) if x.ndim > 1 else x),
    "contiguous": _make(lambda x, j: x.contiguous()),
    "view": _make(lambda x, j: x.view(-1) if x.is_contiguous() else x),
    "flat": _make(lambda x, j: x.reshape(-1)),
    "unsqueeze": _make(lambda x, j: x.unsqueeze(0) if x.ndim < 3 else x),
    "narrow": _make(lambda x, j: x.narrow(0, 0, 1) if x.ndim else x),
    "split": _make(lambda x, j: x.split(1)[-1] if x.ndim else x),
    "chunk": _make(lambda x, j: x.chunk(2, -1)[0] if x.ndim else x),
    "detach": _make(lambda x, j: x.detach()),
    "expand": _make(lambda x, j: x.sum().expand(2).clamp(-64, 64)),
    "clone": _make(lambda x, j: x.clone()),
    "relu": _make(lambda x, j: x.relu()),
    "add": _make(lambda x, j: _small(x + j.sum())),
    "cat": _make(lambda x, j: torch.cat([x, x])[: max(len(x), 1)] if x.ndim else x),
    "stack": _make(lambda x, j: torch.stack([x, x])[1]),
    "half and back": _make(lambda x, j: x.half().float()),
    "to int and back": _make(lambda x, j: x.int().float()),
    "where": _make(lambda x, j: torch.where(x > 0, x, 0.0)),
    "add_": _write(lambda x, j: x.add_(1)),
    "mul_": _write(lambda x, j: x.mul_(2)),
    "zero_": _write(lambda x, j: x.zero_()),
    "subtract sum": _write(lambda x, j: x.sub_(j.sum())),
    "augmented": _write(lambda x, j: x.__iadd__(2)),
    "out": _write(lambda x, j: torch.neg(x.clone(), out=x)),
    "assign row": _write(_assign_row),
    "assign masked": _write(_assign_masked),
    "copy_": _write(_copy),
    "foreach": _write(lambda x, j: torch._foreach_add_([x], 1)),
}

programs = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)), max_size=10
)


def _run(
    program: list[tuple[str, int, int]], start: torch.Tensor, after: Callable[[Any], None]
) -> list[torch.Tensor]:
    pool = [start]
    for name, i, j in program:
        made = STEPS[name](pool, i, j)
        if made is not None:
            pool.append(made)
        after(pool)
    return pool


@settings(max_examples=400, deadline=None)
@given(programs, some.small_integers(3, 2), st.booleans())
def test_a_program_gives_what_torch_gives(
    program: list[tuple[str, int, int]], values: torch.Tensor, inference: bool
) -> None:
    runtime, device = FakeRuntime(), FakeDevice()
    manager = PluginManager(Settings(autoload=False))
    manager.register(FakePlugin(runtime), "fake")
    manager.register(Bringing(handlers=HANDLERS), "ops")
    before = set_plugin_manager(manager)

    def upload(pool: list[torch.Tensor]) -> None:
        for tensor in pool:
            assert type(tensor) is TorchTTNNTensor
            _ = tensor.to_ttnn

    try:
        with torch.inference_mode(inference):
            on_device = runtime.from_torch(values, device)
            start = TorchTTNNTensor(on_device, runtime=runtime, device=device)
            got = _run(program, start, upload)
            expected = _run(program, values.clone(), lambda pool: None)
            for ours, theirs in zip(got, expected, strict=True):
                assert isinstance(ours, TorchTTNNTensor)
                assert torch.equal(ours.to_ttnn.get().float(), theirs)
                assert torch.equal(ours.to_torch, theirs)
                assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    finally:
        set_plugin_manager(before)
