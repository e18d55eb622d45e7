"""Llama: a step of generation beside one written by hand in TTNN."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hand_written_llama import HandWrittenLlama
from llama_1b import llama_1b
from measure import say

from symbiote_core import pcc, runtime_of

PROGRAM = Path(__file__).parent / "llama_figures.py"


def test_the_hand_written_step_computes_llama(emulator: Any) -> None:
    model = llama_1b(num_hidden_layers=2, vocab_size=1024)
    ids = torch.randint(0, 1024, (4, 40), generator=torch.Generator().manual_seed(0))
    ttnn = runtime_of(emulator).ttnn
    hand = HandWrittenLlama(model, ttnn, emulator, 4, 64, ttnn.bfloat16)
    steps = [hand(ids[:, [i]], torch.full((4,), i)) for i in range(40)]
    value = pcc(model(ids).logits, torch.cat(steps, dim=1))
    say(
        "logits of a Llama of two layers of the 1B's width, step by step, by hand in TTNN",
        f"PCC {value:.6f}",
        "PCC >= 0.999",
        "emulator against float32 torch, seeded weights, 4 sequences of 40 tokens",
    )
    assert value >= 0.999


@pytest.fixture(scope="module")
def figures() -> Any:
    """What llama_figures.py measured, in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "wormhole_b0"], capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.ttnn
@pytest.mark.parametrize("batch", [1, 32])
def test_a_step_beside_a_hand_written_one(figures: Any, batch: int) -> None:
    told = figures[str(batch)]
    swapped, hand = told["seconds"]
    say(
        f"a step of Llama-3.2-1B on the mock Wormhole, batch {batch}, swapped / by hand in TTNN",
        f"{swapped / hand:.2f} ({swapped * 1e3:.2f} ms / {hand * 1e3:.2f} ms); "
        f"{told['uploads']} uploads, {told['downloads']} download",
        "<= 1.25",
        "token in, logits out behind a prompt of 100 tokens, bfloat8_b weights without values; "
        "medians of 51 alternating steps in one process, torch with one thread in it",
    )
    assert (told["uploads"], told["downloads"], told["fallbacks"]) == (2, 1, 0)
    assert swapped / hand <= 1.25
