"""Run ViT-base, and each of ViT's kernels, on the mock chip named on the command line.

Prints what happened as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from judged_kernels import GEOMETRIES
from judged_vit import KERNELS, vit_input, vit_modules
from judging import FORWARDS, allocated, device_operations, judge
from transformers import ViTConfig, ViTForImageClassification

from symbiote_core import accelerate, close_device, open_device, report, restore


def judge_kernels(device: Any) -> dict[str, Any]:
    told = {}
    for size, geometry in GEOMETRIES.items():
        for name, module in vit_modules(geometry).items():
            kernel = KERNELS[name][0].from_torch(module)
            values = vit_input(name, geometry)
            told[f"{name} {size}"] = judge(kernel, values, device, FORWARDS[size])
    return told


def run_model(device: Any) -> dict[str, Any]:
    model = ViTForImageClassification(ViTConfig(num_labels=1000)).eval()
    told: dict[str, Any] = {"allocated before": allocated(device)}
    pixels = torch.randn(1, 3, 224, 224)
    accelerate(model, device, strict=True)
    told["logits"] = list(model(pixels).logits.shape)
    told["after one"] = [device.num_program_cache_entries(), *allocated(device)]
    for _ in range(FORWARDS["base"] - 1):
        model(pixels)
    told["after all"] = [device.num_program_cache_entries(), *allocated(device)]
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
    told["allocated restored"] = allocated(device)
    accelerate(model, device, policy="vit-fine", strict=True)
    told["fine logits"] = list(model(pixels).logits.shape)
    return told


if __name__ == "__main__":
    torch.set_num_threads(1)  # more of them wait for each other where other tests run
    with torch.no_grad():
        opened = open_device(f"mock:{sys.argv[1]}")
        print(json.dumps({"kernels": judge_kernels(opened), "model": run_model(opened)}))
        close_device(opened)
