"""Llama-3.2-1B on the emulator: its answers beside torch's, and its speed."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from llama_1b import llama_1b
from measure import say
from transformers import DynamicCache

from symbiote_core import accelerate, close_device, open_device, pcc, relative_rms, report

LENGTHS = (1, 31, 32, 33, 100, 128)
STEPS = 32


def forced(model: Any, ids: torch.Tensor, prompt: int) -> tuple[list[torch.Tensor], float]:
    """Logits behind each token from the prompt's last on, and seconds of a step (the median)."""
    cache = DynamicCache(config=model.config)
    logits = [model(ids[:, :prompt], past_key_values=cache, logits_to_keep=1).logits]
    seconds = []
    for at in range(prompt, ids.shape[1]):
        start = time.perf_counter()
        logits.append(model(ids[:, at : at + 1], past_key_values=cache).logits)
        seconds.append(time.perf_counter() - start)
    return [one.float() for one in logits], sorted(seconds)[len(seconds) // 2]


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[str, Any]]:
    """What torch says in float32 and bfloat16, and what the swapped model says then."""
    model = llama_1b(seed=None)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=0.02, generator=generator)
            else:
                parameter.fill_(1.0)
        ids = torch.randint(0, model.config.vocab_size, (1, 128 + STEPS), generator=generator)
        device = open_device("emulator")

        def answers() -> dict[str, Any]:
            states = model.model(ids[:, :128], output_hidden_states=True, use_cache=False)
            prompts = {n: model(ids[:, :n], use_cache=False).logits.float() for n in LENGTHS}
            logits, seconds = forced(model, ids, 128)
            layer = states.hidden_states[1]
            return {"layer": layer + 0, "prompts": prompts, "logits": logits, "step": seconds}

        told = {"float32": answers()}
        half = copy.deepcopy(model).bfloat16()
        told["bfloat16"] = {"step": forced(half, ids, 128)[1]}
        del half
        accelerate(model, device, strict=True)
        told["swapped"] = answers()
        told["fallbacks"] = report(model).fallback_count
        yield told
        close_device(device)


def test_the_answers(seen: dict[str, Any]) -> None:
    want, got = seen["float32"], seen["swapped"]
    layer = pcc(want["layer"], got["layer"])
    prompts = {n: pcc(want["prompts"][n], got["prompts"][n]) for n in LENGTHS}
    steps = [pcc(a, b) for a, b in zip(want["logits"], got["logits"], strict=True)]
    rms = max(relative_rms(a, b) for a, b in zip(want["logits"], got["logits"], strict=True))
    say(
        "Llama-3.2-1B on the emulator beside float32 torch",
        f"PCC {layer:.6f} behind the first layer; logits of prompts of "
        + ", ".join(f"{n}: {value:.5f}" for n, value in prompts.items())
        + f"; of 128 tokens and {STEPS} steps behind, the same tokens to both, at least "
        f"{min(steps):.5f} (relative RMS at most {rms:.4f}); {seen['fallbacks']} fallbacks",
        "0.999 and 0.99",
        "bfloat16, strict, random weights and tokens",
    )
    assert layer >= 0.999
    assert min(*prompts.values(), *steps) >= 0.99
    assert seen["fallbacks"] == 0


def test_the_speed(seen: dict[str, Any]) -> None:
    rates = {name: 1 / seen[name]["step"] for name in ("swapped", "bfloat16", "float32")}
    say(
        "Llama-3.2-1B, tokens a second of one sequence",
        f"{rates['swapped']:.2f} on the emulator, {rates['bfloat16']:.2f} in torch with bfloat16, "
        f"{rates['float32']:.2f} with float32",
        "no bound",
        f"median of {STEPS} steps behind 128 tokens, one after the other in one process",
    )
