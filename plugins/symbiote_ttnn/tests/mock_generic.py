"""Run models with the generic policy, and each of its kernels, strictly on a mock chip.

The command line names the chip. Prints what was seen as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from generic_models import MODELS, build, outputs, padding
from judged_generic import CASES
from judged_kernels import GEOMETRIES
from judging import FORWARDS, allocated, judge

from symbiote_core import accelerate, close_device, open_device, report, restore


def judge_kernels(device: Any) -> dict[str, Any]:
    told = {}
    for size, geometry in GEOMETRIES.items():
        for name, case in CASES.items():
            module = case.kernel.from_torch(case.layer(geometry))
            told[f"{name} {size}"] = judge(module, case.values(geometry), device, FORWARDS[size])
    return told


def run(name: str, device: Any) -> dict[str, Any]:
    model, inputs = build(name), MODELS[name].inputs()
    told: dict[str, Any] = {"before": allocated(device)}
    accelerate(model, device, strict=True)
    told["shapes"] = {key: list(value.shape) for key, value in outputs(model, inputs)}
    told["after one"] = [device.num_program_cache_entries(), *allocated(device)]
    for _ in range(3):
        dict(outputs(model, inputs))
    told["after all"] = [device.num_program_cache_entries(), *allocated(device)]
    said = report(model)
    told["fallbacks"] = said.fallback_count
    told["on torch"] = {o.op: o.why for o in said.op_fallbacks}
    told["downloads"] = said.traffic.per_forward(said.traffic.downloads)
    if MODELS[name].generates and name != "whisper":  # it can't go on from zeros
        prompt = {"input_ids": inputs["input_ids"], "attention_mask": padding(left=True)}
        tokens = model.generate(**prompt, max_new_tokens=3, min_new_tokens=3, pad_token_id=0)
        told["generated"] = len(tokens)
        told["fallbacks"] = report(model).fallback_count
    restore(model)
    device.clear_program_cache()  # the programs keep their binaries in DRAM
    told["restored"] = allocated(device)
    return told


if __name__ == "__main__":
    torch.set_num_threads(1)  # more of them wait for each other where other tests run
    with torch.no_grad():
        opened = open_device(f"mock:{sys.argv[1]}")
        seen = {"kernels": judge_kernels(opened)}
        print(json.dumps(seen | {"models": {name: run(name, opened) for name in MODELS}}))
        close_device(opened)
