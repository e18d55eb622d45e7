"""Measure OWL-ViT on the mock chip named on the command line; print JSON.

Run by bench_owlvit.py, since a process keeps the architecture that it began with. torch has one
thread here.
"""

from __future__ import annotations

import functools
import json
import statistics
import sys
from typing import Any

import torch
from hand_written_owlvit import HandWrittenLayer
from measure import alternating, seconds
from owlvit_base import owlvit_base, queries

from symbiote_core import TorchTTNNTensor, accelerate, open_device, report, runtime_of

CALLS = 50
"""Calls of a layer that are timed together."""
INPUTS = {"text": (4, 16, 512), "vision": (1, 577, 768)}
"""What goes into the layers of each tower."""


def layers(model: Any, device: Any, ttnn: Any) -> dict[str, Any]:
    """Seconds of a call of a layer of each tower, swapped and by hand."""
    told = {}
    for tower, shape in INPUTS.items():
        swapped = getattr(model.owlvit, f"{tower}_model").encoder.layers[0]
        causal = tower == "text"
        hand = HandWrittenLayer(swapped.torch_layer, ttnn, device, causal)
        x = TorchTTNNTensor(torch.randn(shape), device=device).to_ttnn
        calls = (
            functools.partial(swapped, x, None, is_causal=causal),
            functools.partial(hand, x),
        )
        many = [functools.partial(repeat, call) for call in calls]
        told[tower] = [taken / CALLS for taken in alternating(*many, rounds=51)]
    return told


def repeat(call: Any) -> None:
    """Call it several times."""
    for _ in range(CALLS):
        call()


def forward(model: Any) -> dict[str, Any]:
    """What crosses to and from the device in a forward of each kind, and its host time."""
    ids, pixels = queries(4), torch.randn(1, 3, 768, 768)
    calls = {
        "detection by texts": lambda: model(ids, pixels),
        "detection by texts with padding": lambda: model(ids, pixels, (ids != 0).long()),
        "detection by an image": lambda: model.image_guided_detection(pixels, pixels),
    }
    told = {}
    for name, call in calls.items():
        call()
        before = report(model).traffic
        call()
        after = report(model).traffic
        told[name] = {
            "uploads": [
                after.uploads - before.uploads,
                after.upload_bytes - before.upload_bytes,
            ],
            "downloads": [
                after.downloads - before.downloads,
                after.download_bytes - before.download_bytes,
            ],
            "seconds": statistics.median(seconds(call) for _ in range(11)),
        }
    said = report(model)
    told["on torch"] = [said.fallback_count, sum(o.count for o in said.op_fallbacks)]
    return told


def main(arch: str) -> dict[str, Any]:
    """The figures of one architecture."""
    torch.set_num_threads(1)
    device = open_device(f"mock:{arch}")
    model = owlvit_base()
    accelerate(model, device, strict=True)
    return {"layers": layers(model, device, runtime_of(device).ttnn), "forwards": forward(model)}


if __name__ == "__main__":
    with torch.no_grad():
        print(json.dumps(main(sys.argv[1])))
