"""SpeechT5: its layers beside layers written by hand in TTNN, and the emulator beside torch."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from measure import alternating, say
from speecht5_layers import pairs
from speecht5_tts import speecht5_tts, spoken_text, voice

from symbiote_core import accelerate, pcc, runtime_of

PROGRAM = Path(__file__).parent / "speecht5_figures.py"
STEPS = 25


@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_the_hand_written_layers_compute_speecht5(emulator: Any, name: str) -> None:
    swapped, by_hand = pairs(emulator, 3)[name]
    runtime = runtime_of(emulator)
    value = pcc(runtime.to_torch(swapped()), runtime.to_torch(by_hand()))
    say(
        f"{name} layer of SpeechT5, swapped and by hand in TTNN",
        f"PCC {value:.6f}",
        "PCC >= 0.9999",
        "on the emulator, seeded weights",
    )
    assert value >= 0.9999


@pytest.fixture(scope="module")
def figures() -> Any:
    """What speecht5_figures.py measured, in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "wormhole_b0"], capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.ttnn
@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("name", ["encoder", "decoder"])
def test_a_layer_beside_a_hand_written_one(figures: Any, name: str, batch: int) -> None:
    swapped, hand = figures[f"layers {batch}"][name]
    what = "100 tokens" if name == "encoder" else f"one token of each of {batch}, 100 states"
    say(
        f"{name} layer of SpeechT5 on the mock Wormhole ({what}), swapped / by hand in TTNN",
        f"{swapped / hand:.2f} ({swapped * 1e3:.3f} ms / {hand * 1e3:.3f} ms)",
        "<= 1.25",
        "medians of 51 alternating rounds of 20 calls in one process, torch with one thread in it",
    )
    assert swapped / hand <= 1.25


@pytest.mark.ttnn
def test_what_a_forward_moves(figures: Any) -> None:
    told = figures["traffic"]
    say(
        "uploads and downloads of SpeechT5 on the mock Wormhole",
        f"encoder {told['encoder']}, a step {told['step']}, "
        f"an utterance of 20 steps {told['utterance of 20 steps']}",
        "encoder [1, 0], a step [5, 2]",
        "ids up; frame, two masks, position and place up, spectrum and stop probability down",
    )
    assert told["encoder"] == [1, 0]
    assert told["step"] == [5, 2]
    assert told["fallbacks"] == 0


@pytest.mark.parametrize("what", ["encoder", "speech"])
def test_the_emulator_beside_torch(emulator: Any, what: str) -> None:
    model = speecht5_tts()
    swapped = copy.deepcopy(model)
    accelerate(swapped, emulator, strict=True)
    ids, speaker = spoken_text(100), voice()
    ratio = 2 * STEPS / ids.shape[1]

    def run(model: Any) -> Any:
        if what == "encoder":
            return model.speecht5.encoder(ids)
        return model.generate_speech(ids, speaker, minlenratio=ratio, maxlenratio=ratio)

    emulated, eager = alternating(lambda: run(swapped), lambda: run(model), rounds=5)
    done = "encoder, 100 tokens" if what == "encoder" else f"speech, 100 tokens, {STEPS} steps"
    say(
        f"SpeechT5 ({done}), emulator / torch float32 eager",
        f"{emulated / eager:.2f} ({emulated * 1e3:.0f} ms / {eager * 1e3:.0f} ms)",
        "<= 1.25",
        "medians of 5 alternating runs in one process",
    )
    assert emulated / eager <= 1.25
