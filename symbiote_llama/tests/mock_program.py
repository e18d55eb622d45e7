"""Run language models on the mock chip named on the command line.

Prints what happened as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from judging import allocated, device_operations
from llama_models import build, left_padded, prompt
from transformers import DynamicCache

from symbiote_core import accelerate, close_device, open_device, report, restore

WIDE: dict[str, Any] = {  # a decoder layer of Llama-3.2-1B
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "num_hidden_layers": 1,
    "vocab_size": 1024,
}
LENGTHS = (1, 31, 32, 33, 100, 128)
BATCHES = (1, 4, 32)
STEPS = 100


def uses() -> dict[str, Any]:
    """What is generated, by architecture and use: shapes, and what ran on torch."""
    told: dict[str, Any] = {}
    ids, mask = left_padded([5, 12, 9])
    window: dict[str, Any] = {"sliding_window": 16}
    for kind, changes in (("llama", {}), ("mistral", window), ("qwen2", {})):
        model = build(kind, **changes)
        accelerate(model, DEVICE, strict=True)
        plain: dict[str, Any] = {"max_new_tokens": 5, "do_sample": False}
        several = prompt(2, 20)
        out = [
            model.generate(several, **plain),
            model.generate(several, **plain, num_beams=3),
            model.generate(several, **plain, use_cache=False),
            model.generate(ids, attention_mask=mask, **plain),
        ]
        cache = DynamicCache(config=model.config)
        for piece in several.split([9, 7, 1, 3], dim=1):
            model(piece, past_key_values=cache)
        padded = model(ids.flip(1), attention_mask=mask.flip(1)).logits
        shapes = [list(tensor.shape) for tensor in (*out, padded)]
        told[kind] = [shapes, cache.get_seq_length(), *on_torch(model)]
        restore(model)
    return told


def on_torch(model: Any) -> list[int]:
    """How many modules and operations ran on torch."""
    said = report(model)
    return [said.fallback_count, sum(o.count for o in said.op_fallbacks)]


def steps(model: Any, batch: int) -> dict[str, Any]:
    """A hundred steps behind a prompt."""
    told: dict[str, Any] = {}
    cache, token = DynamicCache(config=model.config), prompt(batch, 1)
    model(prompt(batch, 100), past_key_values=cache, logits_to_keep=1)

    def step() -> torch.Tensor:
        logits: torch.Tensor = model(token, past_key_values=cache).logits
        return logits

    told["batch"] = list(step().shape)
    before = report(model).traffic
    step()
    after = report(model).traffic
    told["traffic"] = [after.uploads - before.uploads, after.downloads - before.downloads]
    told["step"] = device_operations(step)
    first = [DEVICE.num_program_cache_entries(), *allocated(DEVICE)]
    for _ in range(STEPS - 1):
        step()
    told["left"] = [first, [DEVICE.num_program_cache_entries(), *allocated(DEVICE)]]
    return told


def real_geometry() -> dict[str, Any]:
    """Prompts and steps of a layer as wide as a real one, and what they leave behind."""
    told: dict[str, Any] = {}
    model = build("llama", **WIDE)
    accelerate(model, DEVICE, strict=True, model_config={"weights": "bfloat8_b"})
    for length in LENGTHS:
        told[f"prompt {length}"] = list(model(prompt(1, length)).logits.shape)
    for batch in BATCHES:
        told |= {f"{name} {batch}": value for name, value in steps(model, batch).items()}
    told["on torch"] = on_torch(model)
    restore(model)
    DEVICE.clear_program_cache()
    told["restored"] = allocated(DEVICE)
    return told


if __name__ == "__main__":
    torch.set_num_threads(1)  # more of them wait for each other where other tests run
    DEVICE = open_device(f"mock:{sys.argv[1]}")
    with torch.no_grad():
        print(json.dumps({"uses": uses(), "geometry": real_geometry()}))
    close_device(DEVICE)
