"""Figure 3: what the base class and the dispatch table add to a call."""

from __future__ import annotations

from typing import Any

import torch
from measure import overhead, say
from torch import nn

from symbiote_core import TorchTTNNTensor, TTNNModule, plugin_manager, set_device

MICRO = 1e6


class Same(TTNNModule):
    """Returns its input."""

    def forward(self, x: Any) -> Any:
        """Return ``x``."""
        return x


class Other(TTNNModule):
    """Returns another tensor, so that the result is wrapped."""

    held: Any = None

    def forward(self, x: Any) -> Any:
        """Return what it holds."""
        return self.held


def on_device(device: Any) -> TorchTTNNTensor:
    tensor = TorchTTNNTensor(torch.ones(1, 197, 768), device=device)
    tensor.to_ttnn  # noqa: B018 - uploads
    return tensor


def kernel(cls: type[TTNNModule], device: Any) -> Any:
    module = cls()
    module._fallback_torch_layer = nn.Identity().eval()
    set_device(module, device)
    return module


def test_module_call(emulator: Any) -> None:
    x = on_device(emulator)
    same, other = kernel(Same, emulator), kernel(Other, emulator)
    other.held = on_device(emulator).to_ttnn
    raw = x.to_ttnn
    written = Same.forward.__wrapped__
    results = {
        "TTNNModule.__call__, torch-facing tensor in and out": overhead(
            lambda: same(x), lambda: written(same, raw)
        ),
        "the same, with a new tensor to wrap": overhead(
            lambda: other(x), lambda: Other.forward.__wrapped__(other, raw)
        ),
        "the same, as part of a larger kernel (TTNN tensors)": overhead(
            lambda: same(raw), lambda: written(same, raw)
        ),
    }
    for name, value in results.items():
        say(
            name,
            f"{value * MICRO:.2f} us over calling forward directly",
            "no bound" if "wrap" in name else "<= 5 us",
            "median of 31 rounds of 2000 calls each way, on the emulator",
        )
    assert results["TTNNModule.__call__, torch-facing tensor in and out"] * MICRO <= 5
    assert results["the same, as part of a larger kernel (TTNN tensors)"] * MICRO <= 5


def test_dispatch(emulator: Any) -> None:
    x = on_device(emulator)
    overload = torch.ops.aten.neg.default
    table = plugin_manager().registry.handlers.by_overload
    saved = table[overload]
    raw = x.to_ttnn

    def run(a: Any) -> Any:
        return raw

    table[overload] = type(saved)("aten.neg.default", run, "benchmark")
    try:
        value = overhead(lambda: torch.neg(x), lambda: run(raw))
    finally:
        table[overload] = saved
    say(
        "an aten operation through the dispatch table",
        f"{value * MICRO:.2f} us over calling the handler",
        "<= 10 us",
        "torch.neg with a handler that returns a ready tensor; median of 31 rounds of 2000 calls",
    )
    assert value * MICRO <= 10
