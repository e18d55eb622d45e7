"""Run detectors, and each of their kernels, on the mock chip named on the command line.

Prints what happened as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from judged_owlvit import CASES, SIZES, detector, module_of
from judging import FORWARDS, allocated, device_operations, judge
from owlvit_base import queries
from owlvit_models import padding_of
from transformers import OwlViTConfig, OwlViTForObjectDetection

from symbiote_core import accelerate, close_device, open_device, report, restore
from symbiote_owlvit.kernels import TTNNOwlViTLayer


def judge_kernels(device: Any) -> dict[str, Any]:
    told = {}
    for size, config in SIZES.items():
        model = detector(size)
        for name, case in CASES.items():
            kernel = case.kernel.from_torch(module_of(model, case))
            told[f"{name} {size}"] = judge(kernel, case.values(config), device, FORWARDS[size])
    return told


def traffic(model: Any) -> list[int]:
    """Uploads and downloads so far, modules and operations that ran on torch."""
    said = report(model)
    return [
        said.traffic.uploads,
        said.traffic.downloads,
        said.fallback_count,
        sum(o.count for o in said.op_fallbacks),
    ]


def run_model(device: Any) -> dict[str, Any]:
    model = OwlViTForObjectDetection(OwlViTConfig()).eval()
    ids, pixels = queries(4), torch.randn(2, 3, 768, 768)
    mask = padding_of(ids)
    told: dict[str, Any] = {"allocated before": allocated(device)}
    accelerate(model, device, strict=True)
    out = model(ids, pixels, mask)
    told["shapes"] = [list(out[name].shape) for name in ("logits", "pred_boxes", "image_embeds")]
    told["traffic"] = traffic(model)
    del out
    told["after one"] = [device.num_program_cache_entries(), *allocated(device)]
    for _ in range(FORWARDS["base"] - 1):
        model(ids, pixels, mask)
    told["after all"] = [device.num_program_cache_entries(), *allocated(device)]
    told["all traffic"] = traffic(model)
    told["operations"] = device_operations(lambda: model(ids, pixels, mask))
    told["layers"] = {
        path: device_operations(lambda layer=layer: run_layer(layer, device))
        for path, layer in model.named_modules()
        if type(layer) is TTNNOwlViTLayer
    }
    guided = model.image_guided_detection(pixels[:1], pixels[1:])
    told["guided"] = [list(guided[name].shape) for name in ("logits", "target_pred_boxes")]
    del guided
    told["on torch"] = traffic(model)[2:]
    restore(model)
    device.clear_program_cache()  # the programs keep their binaries in DRAM
    told["allocated restored"] = allocated(device)
    accelerate(model, device, policy="owlvit-fine", strict=True)
    told["fine logits"] = list(model(ids, pixels, mask).logits.shape)
    return told


def run_layer(layer: Any, device: Any) -> None:
    """Call a layer as its tower does: causal in the text tower, with nothing masked."""
    from symbiote_core import TorchTTNNTensor

    text = ".text_model." in layer._symbiote.path
    values = torch.randn(4, 16, 512) if text else torch.randn(2, 577, 768)
    layer(TorchTTNNTensor(values, device=device).to_ttnn, None, is_causal=text)


if __name__ == "__main__":
    torch.set_num_threads(1)  # more of them wait for each other where other tests run
    with torch.no_grad():
        opened = open_device(f"mock:{sys.argv[1]}")
        print(json.dumps({"kernels": judge_kernels(opened), "model": run_model(opened)}))
        close_device(opened)
