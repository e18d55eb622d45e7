"""Measure on the mock chip named on the command line; print the figures as JSON.

Run by bench_mock.py, since a process keeps the architecture that it began with. torch has one
thread here: all that it does is to cut an image, and where the machine is busy a second thread
adds waiting.
"""

from __future__ import annotations

import copy
import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import torch
from hand_written import HandWrittenViT
from measure import alternating
from torch import nn
from vit_base import vit_base

from symbiote_core import (
    TorchTTNNTensor,
    accelerate,
    open_device,
    register_module_replacement_dict,
    report,
    runtime_of,
    set_device,
)
from symbiote_ttnn import TTNNLayerNorm, TTNNLinear

CALLS = 50
"""Calls that are timed together where one takes microseconds."""


def device_operations(ttnn: Any, call: Callable[[], Any]) -> int:
    """How many device operations ``call()`` runs, from TTNN's graph capture."""
    ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NORMAL)
    call()
    nodes = ttnn.graph.end_graph_capture()
    names = [n["params"]["name"] for n in nodes if n["node_type"] == "function_start"]
    return sum(name.endswith("Operation") and "::" not in name for name in names)


def forwards(device: Any, ttnn: Any) -> dict[str, Any]:
    """Seconds of a forward of ViT-base by hand and under each policy, and what it does."""
    model, pixels = vit_base(), torch.randn(1, 3, 224, 224)
    models = {policy: copy.deepcopy(model) for policy in ("vit", "vit-fine")}
    for policy, swapped in models.items():
        accelerate(swapped, device, policy=policy, strict=True)
    hand: Callable[[torch.Tensor], torch.Tensor] = HandWrittenViT(model, ttnn, device)
    calls = {
        "hand": functools.partial(hand, pixels),
        "vit": lambda: models["vit"](pixels).logits,
        "vit-fine": lambda: models["vit-fine"](pixels).logits,
    }
    told: dict[str, Any] = {}
    for name, call in calls.items():
        assert call().shape == (1, 1000)
        told[name] = {"operations": device_operations(ttnn, call)}
    for name, other in (("vit", "hand"), ("vit-fine", "vit")):
        told[name][f"beside {other}"] = alternating(calls[name], calls[other], rounds=101)
    for policy, swapped in models.items():
        said = report(swapped)
        traffic = said.traffic
        told[policy]["uploads"] = traffic.per_forward(traffic.uploads)
        told[policy]["downloads"] = traffic.per_forward(traffic.downloads)
        told[policy]["on torch"] = traffic.per_forward(sum(o.count for o in said.op_fallbacks))
    return told


def kernels(device: Any, ttnn: Any) -> dict[str, Any]:
    """Seconds of a kernel's call and of TTNN's own, with the same tensors and arguments."""
    model = nn.Sequential(nn.Linear(768, 768), nn.LayerNorm(768)).eval()
    register_module_replacement_dict(model, {nn.Linear: TTNNLinear, nn.LayerNorm: TTNNLayerNorm})
    set_device(model, device)
    shown = TorchTTNNTensor(torch.randn(1, 197, 768), device=device)
    raw = shown.to_ttnn
    model(shown)
    linear, norm = model
    direct = {
        linear: lambda: ttnn.linear(raw, linear.tt_weight, bias=linear.tt_bias, **linear.launch),
        norm: lambda: ttnn.layer_norm(raw, weight=norm.tt_weight, bias=norm.tt_bias, **norm.launch),
    }
    return {
        type(module).__name__: {
            given: per_call(functools.partial(module, x), operation)
            for given, x in (("TTNN tensor", raw), ("TorchTTNNTensor", shown))
        }
        for module, operation in direct.items()
    }


def per_call(first: Callable[[], Any], second: Callable[[], Any]) -> list[float]:
    """Medians of the seconds of one call of each."""

    def many(call: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(CALLS):
                call()

        return run

    return [seconds / CALLS for seconds in alternating(many(first), many(second), rounds=101)]


def main(arch: str) -> dict[str, Any]:
    """The figures of one architecture."""
    torch.set_num_threads(1)
    device = open_device(f"mock:{arch}")
    ttnn = runtime_of(device).ttnn
    return {"kernels": kernels(device, ttnn), "forwards": forwards(device, ttnn)}


if __name__ == "__main__":
    with torch.no_grad():
        print(json.dumps(main(sys.argv[1])))
