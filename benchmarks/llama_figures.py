"""Measure steps of generation on the mock chip named on the command line; print JSON.

Run by bench_llama.py, since a process keeps the architecture that it began with. torch has one
thread here; there is next to nothing for it to do.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from hand_written_llama import HandWrittenLlama
from llama_1b import llama_1b
from measure import alternating
from transformers import DynamicCache

from symbiote_core import accelerate, open_device, report, runtime_of

PROMPT = 100
ROUNDS = 51


def step(model: Any, device: Any, ttnn: Any, batch: int) -> dict[str, Any]:
    """Seconds of a step, swapped and by hand, and what it moves."""
    ids = torch.randint(0, 1000, (batch, PROMPT))
    cache = DynamicCache(config=model.config)
    model(ids, past_key_values=cache, logits_to_keep=1)
    capacity = cache.layers[0].capacity
    hand = HandWrittenLlama(model, ttnn, device, batch, capacity, ttnn.bfloat8_b)
    token, places = ids[:, :1], torch.full((batch,), PROMPT)

    def swapped() -> torch.Tensor:
        logits: torch.Tensor = model(token, past_key_values=cache, logits_to_keep=1).logits
        return logits

    def by_hand() -> torch.Tensor:
        return hand(token, places)

    assert swapped().shape == by_hand().shape == (batch, 1, model.config.vocab_size)
    seconds = alternating(swapped, by_hand, rounds=ROUNDS)
    before = report(model).traffic
    swapped()
    after = report(model).traffic
    return {
        "seconds": seconds,
        "uploads": after.uploads - before.uploads,
        "downloads": after.downloads - before.downloads,
        "fallbacks": report(model).fallback_count,
    }


def main(arch: str) -> dict[str, Any]:
    """The figures of one architecture."""
    torch.set_num_threads(1)
    device = open_device(f"mock:{arch}")
    ttnn = runtime_of(device).ttnn
    model = llama_1b(seed=None)
    accelerate(model, device, strict=True, model_config={"weights": "bfloat8_b"})
    return {str(batch): step(model, device, ttnn, batch) for batch in (1, 32)}


if __name__ == "__main__":
    with torch.no_grad():
        print(json.dumps(main(sys.argv[1])))
