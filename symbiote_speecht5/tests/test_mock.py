"""SpeechT5 by the real TTNN's own validation and allocator, on mock chips.

A mock chip fixes the architecture for a process, so each runs in a process of its own.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from mock_processes import told_by

pytestmark = pytest.mark.ttnn

PROGRAM = Path(__file__).parent / "mock_program.py"
ARCHS = ("wormhole_b0", "blackhole")

FEED = ["LayerNormDeviceOperation", *["MatmulDeviceOperation"] * 2, "LayerNormDeviceOperation"]

ENCODER_LAYER = [
    "MatmulDeviceOperation",
    "NlpCreateHeadsDeviceOperation",
    "PermuteDeviceOperation",  # the queries of a place side by side,
    "MatmulDeviceOperation",  # times the vectors of its distances,
    "PermuteDeviceOperation",  # and back
    "SDPAOperation",
    "MatmulDeviceOperation",
    *FEED,
]
"""An encoder layer for a text, by TTNN's names: eleven operations."""

DECODER_LAYER = [
    "MatmulDeviceOperation",
    "NLPCreateQKVHeadsDecodeDeviceOperation",
    *["PagedUpdateCacheDeviceOperation"] * 2,
    "SdpaDecodeDeviceOperation",
    "ReshapeViewDeviceOperation",
    "MatmulDeviceOperation",
    "LayerNormDeviceOperation",
    "MatmulDeviceOperation",
    "ReshapeViewDeviceOperation",
    "SdpaDecodeDeviceOperation",
    "ReshapeViewDeviceOperation",
    "MatmulDeviceOperation",
    *FEED,
]
"""A decoder layer for one token of each sequence: seventeen operations."""

CONVOLUTION = [
    "UntilizeWithUnpaddingDeviceOperation",
    "PadDeviceOperation",
    "EmbeddingsDeviceOperation",
    "ReshapeViewDeviceOperation",
    "TilizeWithValPaddingDeviceOperation",
    "MatmulDeviceOperation",
]
"""A convolution, with its batch norm and its activation."""


@functools.cache
def seen(arch: str) -> Any:
    """What the program saw; it runs once for all tests."""
    return told_by(PROGRAM, arch)


USES = {
    "tts": [[20, 20], [3, 20, 20], [160], [3, 18, 20]],
    "asr": [[2, 6], [2, 6], [2, 6]],
    "s2s": [[2, 4, 20]],
}


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("kind", USES)
def test_every_use_is_taken_and_nothing_runs_on_torch(arch: str, kind: str) -> None:
    assert seen(arch)["uses"][kind] == [USES[kind], [0, 0]]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("length", [1, 31, 32, 33, 100])
def test_a_text_at_a_real_width(arch: str, length: int) -> None:
    assert seen(arch)["geometry"][f"text {length}"] == [1, length, 768]


@pytest.mark.parametrize("arch", ARCHS)
def test_an_encoder_layer_is_eleven_operations(arch: str) -> None:
    told = seen(arch)["geometry"]
    operations = told["encoder"]
    first = operations.index("LayerNormDeviceOperation") + 1
    assert operations[first:] == ENCODER_LAYER
    assert told["encoder traffic"] == [1, 0]  # the ids up
    # Of several texts the queries have to be moved to stand side by side, and a mask is added.
    more = [*ENCODER_LAYER[:3], "ReshapeViewDeviceOperation", ENCODER_LAYER[3]]
    more += ["ReshapeViewDeviceOperation", ENCODER_LAYER[4], "BinaryNgDeviceOperation"]
    masked = told["masked encoder"]
    first = masked.index("LayerNormDeviceOperation") + 1
    assert masked[first:] == more + ENCODER_LAYER[5:]
    assert told["masked encoder traffic"] == [2, 0]


@pytest.mark.parametrize("arch", ARCHS)
def test_a_decoder_layer_is_seventeen_operations(arch: str) -> None:
    operations = seen(arch)["geometry"]["step 1"]
    first = operations.index("NLPCreateQKVHeadsDecodeDeviceOperation") - 1
    assert operations[first:] == [*DECODER_LAYER, *["MatmulDeviceOperation"] * 2]
    assert first == 7  # the prenet, for one frame


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("batch", [1, 4, 32])
def test_steps_at_a_real_width(arch: str, batch: int) -> None:
    told = seen(arch)["geometry"]
    # Frame, two masks, position and place up, spectrum and stop probability down.
    assert told[f"traffic {batch}"] == [5, 2]
    # The encoder's states are padded, projected and split at the first step; so is the speaker.
    assert len(told[f"first {batch}"]) == len(told[f"step {batch}"]) + 4
    # After fifty steps the memory and the programs are those of the first.
    first, last = told[f"left {batch}"]
    assert last == first


@pytest.mark.parametrize("arch", ARCHS)
def test_a_convolution_is_six_operations(arch: str) -> None:
    told = seen(arch)["geometry"]
    assert told["postnet"] == CONVOLUTION * 5
    assert told["speech prenet"][:36] == CONVOLUTION * 6
    assert told["waveform"] == [60 * 256]
    assert told["vocoder"] <= 712


@pytest.mark.parametrize("arch", ARCHS)
def test_nothing_runs_on_torch_and_nothing_is_left_behind(arch: str) -> None:
    told = seen(arch)["geometry"]
    for name in ("on torch", "speech on torch", "vocoder on torch"):
        assert told[name] == [0, 0]
    assert told["restored"] == [0, 0]
