"""Measure SpeechT5's layers on the mock chip named on the command line; print JSON.

Run by bench_speecht5.py, since a process keeps the architecture that it began with.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import torch
from measure import alternating
from speecht5_layers import pairs
from speecht5_tts import speecht5_tts, spoken_text, voice

from symbiote_core import accelerate, open_device, report

CALLS = 20
"""Calls that are timed together: one takes a fraction of a millisecond."""


def layers(device: Any, batch: int) -> dict[str, Any]:
    """Seconds of a call of each layer, swapped and by hand."""

    def many(call: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(CALLS):
                call()

        return run

    return {
        name: [seconds / CALLS for seconds in alternating(many(ours), many(hand), rounds=51)]
        for name, (ours, hand) in pairs(device, batch).items()
    }


def traffic(device: Any) -> dict[str, Any]:
    """Uploads and downloads of an encoder's forward, of a step, and of a whole utterance."""
    model = speecht5_tts(encoder_layers=2, decoder_layers=2)
    accelerate(model, device, strict=True)
    told: dict[str, Any] = {}

    def moved(call: Callable[[], Any]) -> list[int]:
        before = report(model).traffic
        call()
        after = report(model).traffic
        return [after.uploads - before.uploads, after.downloads - before.downloads]

    ids, speaker = spoken_text(40), voice()

    def speak(steps: int) -> Callable[[], Any]:
        # A spectrum is two frames: as many steps as half of the ratio's frames.
        ratio = 2 * steps / ids.shape[1]
        return lambda: model.generate_speech(ids, speaker, minlenratio=ratio, maxlenratio=ratio)

    speak(4)()
    told["encoder"] = moved(lambda: model.speecht5.encoder(ids))
    few, more = moved(speak(10)), moved(speak(20))
    told["step"] = [(b - a) / 10 for a, b in zip(few, more, strict=True)]
    told["utterance of 20 steps"] = more
    told["fallbacks"] = report(model).fallback_count
    return told


def main(arch: str) -> dict[str, Any]:
    """The figures of one architecture."""
    torch.set_num_threads(1)
    device = open_device(f"mock:{arch}")
    told: dict[str, Any] = {f"layers {batch}": layers(device, batch) for batch in (1, 8)}
    return told | {"traffic": traffic(device)}


if __name__ == "__main__":
    with torch.no_grad():
        print(json.dumps(main(sys.argv[1])))
