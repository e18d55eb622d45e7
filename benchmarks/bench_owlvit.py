"""OWL-ViT: layers beside ones by hand, what crosses to the device, and the emulator's speed."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from bench_emulator import product_times
from hand_written_owlvit import HandWrittenLayer
from measure import alternating, say
from owlvit_base import owlvit_base, queries

from symbiote_core import accelerate, pcc, runtime_of

PROGRAM = Path(__file__).parent / "owlvit_figures.py"


@pytest.mark.parametrize(("tower", "shape"), [("text", (4, 16, 512)), ("vision", (1, 577, 768))])
def test_the_hand_written_layer_computes_owlvits(
    emulator: Any, tower: str, shape: tuple[int, ...]
) -> None:
    model = owlvit_base()
    layer = getattr(model.owlvit, f"{tower}_model").encoder.layers[0]
    ttnn = runtime_of(emulator).ttnn
    hand = HandWrittenLayer(layer, ttnn, emulator, tower == "text")
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(1, 1, shape[1], shape[1])
    if tower == "text":
        mask = mask.masked_fill(torch.ones(shape[1], shape[1]).triu(1).bool(), -1e9)
    there = ttnn.from_torch(x, dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=emulator)
    value = pcc(layer(x, mask), ttnn.to_torch(hand(there)).float())
    say(
        f"a layer of OWL-ViT's {tower} tower by hand in TTNN",
        f"PCC {value:.6f}",
        "PCC >= 0.999",
        "emulator against float32 torch, seeded weights in owlvit-base-patch32's size",
    )
    assert value >= 0.999


def test_a_detection_on_the_emulator(emulator: Any, photograph: torch.Tensor) -> None:
    model = owlvit_base()
    swapped = copy.deepcopy(model)
    accelerate(swapped, emulator, strict=True)
    size = (768, 768)
    pixels = torch.nn.functional.interpolate(photograph, size, mode="bilinear", align_corners=False)
    ids = queries(4)
    emulated, eager = alternating(
        lambda: swapped(ids, pixels), lambda: model(ids, pixels), rounds=7
    )
    bf16, fp32 = product_times()
    bound = 1.0 if bf16 <= 0.5 * fp32 else 1.25
    say(
        "a detection by OWL-ViT-base, four texts in one image, emulator / torch float32 eager",
        f"{emulated / eager:.2f} ({emulated * 1e3:.0f} ms / {eager * 1e3:.0f} ms)",
        f"<= {bound}: 1.0 where this processor multiplies bfloat16 twice as fast, else 1.25",
        "medians of 7 alternating forwards in one process; here torch's bfloat16 product takes "
        f"{bf16 / fp32:.2f} of its float32 one",
    )
    assert emulated / eager <= bound


@pytest.fixture(scope="module")
def figures() -> Any:
    """What owlvit_figures.py measured, in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "wormhole_b0"], capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.ttnn
@pytest.mark.parametrize("tower", ["text", "vision"])
def test_a_layer_beside_a_hand_written_one(figures: Any, tower: str) -> None:
    swapped, hand = figures["layers"][tower]
    say(
        f"a layer of OWL-ViT's {tower} tower on the mock Wormhole, swapped / by hand in TTNN",
        f"{swapped / hand:.2f} ({swapped * 1e6:.0f} us / {hand * 1e6:.0f} us)",
        "<= 1.25",
        "a device tensor in and out, ten operations each; medians of 51 alternating rounds of 50 "
        "calls in one process, torch with one thread in it",
    )
    assert swapped / hand <= 1.25


@pytest.mark.ttnn
@pytest.mark.parametrize(
    ("kind", "uploads", "downloads"),
    [
        ("detection by texts", 3, 9),
        ("detection by texts with padding", 4, 9),
        ("detection by an image", 3, 5),
    ],
)
def test_what_crosses_to_the_device(figures: Any, kind: str, uploads: int, downloads: int) -> None:
    told = figures["forwards"][kind]
    up, down = (
        f"{count} ({size / 2**20:.1f} MiB)" for count, size in (told["uploads"], told["downloads"])
    )
    say(
        f"{kind} by OWL-ViT-base on the mock Wormhole",
        f"{up} uploads, {down} downloads, {told['seconds'] * 1e3:.1f} ms",
        f"{uploads} uploads, {downloads} downloads",
        "one image, four texts; every tensor of the output is downloaded; the median host time of "
        "11 forwards, torch with one thread in it",
    )
    assert (told["uploads"][0], told["downloads"][0]) == (uploads, downloads)
    assert figures["forwards"]["on torch"] == [0, 0]
