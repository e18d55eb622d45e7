"""Check small models on a mock chip; print what was found as JSON."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import nn

from symbiote_core import Runtime, open_device, runtime_of
from symbiote_ttnn import TTNNKernel, TTNNLinear, ttnn
from symbiote_ttnn.check import Forward, check_model

GIB = 1024**3


def gigabytes(count: int, device: Any) -> Any:
    """Memory of that size on the device, of which the host needs nothing."""
    shape = [count * GIB // 2**16, 2**15]
    return ttnn.empty(shape, ttnn.bfloat16, ttnn.TILE_LAYOUT, device)


class HeavyLinear(TTNNLinear):
    """Has 7 GiB of weights."""

    def move_weights_to_device_impl(self) -> None:
        super().move_weights_to_device_impl()
        self.tt_table = gigabytes(7, self.device)

    def deallocate_weights_impl(self) -> None:
        super().deallocate_weights_impl()
        ttnn.deallocate(self.tt_table)


class HungryLinear(TTNNLinear):
    """Needs 7 GiB for a call."""

    def forward(self, input_tensor: Any) -> Any:
        ttnn.deallocate(gigabytes(7, self.device))
        return super().forward.__wrapped__(self, input_tensor)


class Row(nn.Module):
    """Two linear layers, one behind the other."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(32, 32), nn.Linear(32, 32)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class ClumsyRow(TTNNKernel):
    """Calls them with device tensors, and fails in code of its own behind them."""

    covers_children = False

    def forward(self, x: Any) -> Any:
        hidden = self.upload(x)
        for layer in self.torch_layer.layers:
            hidden = layer(hidden)
        try:
            return ttnn.linear(hidden, ttnn.to_layout(hidden, ttnn.ROW_MAJOR_LAYOUT))
        except Exception as error:
            return self.give_up(error, x)


class Heavy(nn.Linear):
    """What `HeavyLinear` replaces."""


class Hungry(nn.Linear):
    """What `HungryLinear` replaces."""


def square(device: Any, runtime: Runtime) -> dict[str, Any]:
    """One linear of [1024, 1024] on as many rows."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1024, 1024, bias=False)).eval()
    layer = model[0]
    before = runtime.memory(device).allocated
    steps: list[list[Any]] = []
    x = torch.randn(1, 1024, 1024)
    report = check_model(
        model,
        device,
        [Forward("prefill", lambda m: m(x)), Forward("decode", lambda m: m(x[:, :32]))],
        {nn.Linear: TTNNLinear},
        announce=lambda *step: steps.append(list(step)),
    )
    device.clear_program_cache()  # the programs keep their binaries in DRAM
    return {
        "report": report.to_data(),
        "steps": steps,
        "restored": model[0] is layer,
        "left": runtime.memory(device).allocated - before,
    }


def crowded(device: Any) -> dict[str, Any]:
    """A layer whose weights leave no room for the next one's call."""
    model = nn.Sequential(Heavy(32, 32), Hungry(32, 32)).eval()
    x = torch.randn(32, 32)
    workload = [Forward("forward", lambda m: m(x))]
    kernels = {Heavy: HeavyLinear, Hungry: HungryLinear}
    return check_model(model, device, workload, kernels).to_data()


def clumsy(device: Any) -> dict[str, Any]:
    """A row that fails where none of its modules does."""
    model = nn.Sequential(Row()).eval()
    x = torch.randn(32, 32)
    workload = [Forward("prefill", lambda m: m(x)), Forward("decode", lambda m: m(x[:1]))]
    kernels = {Row: ClumsyRow, nn.Linear: TTNNLinear}
    return check_model(model, device, workload, kernels).to_data()


def in_bfloat8_b(device: Any) -> dict[str, Any]:
    """The linear of `square`, with other weights."""
    model = nn.Sequential(nn.Linear(1024, 1024, bias=False)).eval()
    x = torch.randn(32, 1024)
    workload = [Forward("forward", lambda m: m(x))]
    kernels = {nn.Linear: TTNNLinear}
    config = {"weights": "bfloat8_b"}
    return check_model(model, device, workload, kernels, model_config=config).to_data()


def stopping(device: Any) -> dict[str, Any]:
    """A model whose own code fails."""
    model = nn.Sequential(nn.Linear(32, 32)).eval()

    def call(m: nn.Module) -> None:
        m(torch.randn(32, 32))
        raise ZeroDivisionError("of zeros")

    return check_model(model, device, [Forward("forward", call)], {nn.Linear: TTNNLinear}).to_data()


def shortages(device: Any) -> list[str]:
    """What TTNN says when L1 is short, in each of the ways that are known."""
    runtime = runtime_of(device)

    def tensor(*shape: int, **where: Any) -> Any:
        return ttnn.empty(shape, ttnn.bfloat16, ttnn.TILE_LAYOUT, device, **where)

    wide, heads = tensor(1, 64, 300_000), tensor(1, 1, 1024, 1024)
    chunks = ttnn.SDPAProgramConfig(
        compute_with_storage_grid_size=(8, 8), q_chunk_size=512, k_chunk_size=512
    )
    in_l1 = {"memory_config": ttnn.L1_MEMORY_CONFIG}
    taken = tensor(64 * 32, 20 * 1024, **in_l1)  # all of L1 but little
    calls: list[Any] = [
        lambda: tensor(64 * 32, 20 * 1024, **in_l1),
        lambda: ttnn.softmax(wide, dim=-1),
        lambda: ttnn.layer_norm(wide),
        lambda: ttnn.transformer.scaled_dot_product_attention(
            heads, heads, heads, is_causal=False, program_config=chunks
        ),
    ]
    said = []
    for call in calls:
        try:
            call()
            said.append("nothing")
        except Exception as error:
            said.append(runtime.describe_error(error).message)
    ttnn.deallocate(taken)
    return said


def main() -> dict[str, Any]:
    device = open_device("mock:wormhole_b0")
    return {
        "square": square(device, runtime_of(device)),
        "crowded": crowded(device),
        "clumsy": clumsy(device),
        "in_bfloat8_b": in_bfloat8_b(device),
        "stopping": stopping(device),
        "shortages": shortages(device),
    }


if __name__ == "__main__":
    with torch.no_grad():
        print(json.dumps(main()))
