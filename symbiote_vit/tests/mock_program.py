"""Run ViT-base on the mock chip named on the command line; print what happened as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from transformers import ViTConfig, ViTForImageClassification

from symbiote_core import accelerate, open_device, report, restore, runtime_of
from symbiote_ttnn import ttnn


def device_operations(call: Any) -> list[str]:
    """Names of the device operations that ``call()`` runs, from TTNN's graph capture."""
    ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NORMAL)
    call()
    nodes = ttnn.graph.end_graph_capture()
    names = [n["params"]["name"] for n in nodes if n["node_type"] == "function_start"]
    return [n for n in names if n.endswith("Operation") and "::" not in n]


def main(arch: str) -> dict[str, Any]:
    device = open_device(f"mock:{arch}")
    runtime = runtime_of(device)
    model = ViTForImageClassification(ViTConfig(num_labels=1000)).eval()
    told: dict[str, Any] = {"allocated before": runtime.memory(device).allocated}
    pixels = torch.randn(2, 3, 224, 224)
    accelerate(model, device, strict=True)
    told["logits"] = list(model(pixels).logits.shape)
    told["allocated"] = runtime.memory(device).allocated
    told["programs"] = device.num_program_cache_entries()
    for _ in range(20):
        model(pixels)
    told["allocated after"] = runtime.memory(device).allocated
    told["programs after"] = device.num_program_cache_entries()
    said = report(model)
    told["fallbacks"] = said.fallback_count
    told["on torch"] = sum(o.count for o in said.op_fallbacks)
    told["uploads"] = said.traffic.per_forward(said.traffic.uploads)
    told["downloads"] = said.traffic.per_forward(said.traffic.downloads)
    layer = next(m for m in model.modules() if type(m).__name__ == "TTNNViTLayer")
    tokens = model.vit.embeddings(pixels)
    told["layer operations"] = device_operations(lambda: layer(tokens))
    tokens = None
    restore(model)
    device.clear_program_cache()  # the programs keep their binaries in DRAM
    told["allocated restored"] = runtime.memory(device).allocated
    accelerate(model, device, policy="vit-fine", strict=True)
    told["fine logits"] = list(model(pixels[:1]).logits.shape)
    return told


if __name__ == "__main__":
    with torch.no_grad():
        print(json.dumps(main(sys.argv[1])))
