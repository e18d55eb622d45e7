"""SpeechT5's layers, swapped and by hand, with the same weights and inputs on one device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hand_written_speecht5 import HandWrittenDecoderLayer, HandWrittenEncoderLayer
from speecht5_tts import speecht5_tts

from symbiote_core import accelerate, runtime_of
from symbiote_speecht5.cache import CrossLayer, SelfLayer, Utterance
from symbiote_speecht5.scores import Scores
from symbiote_speecht5.steps import Source, Token
from symbiote_ttnn.shards import attention_program

TEXT = 100
CAPACITY = 256

Pair = tuple[Callable[[], Any], Callable[[], Any]]


def pairs(device: Any, batch: int = 1) -> dict[str, Pair]:
    """For each layer, a call of the swapped one and of that by hand."""
    model = speecht5_tts(encoder_layers=1, decoder_layers=1)
    ttnn = runtime_of(device).ttnn
    halves = model.speecht5.encoder.wrapped_encoder, model.speecht5.decoder.wrapped_decoder
    by_hand = (
        HandWrittenEncoderLayer(halves[0].layers[0], ttnn, device),
        HandWrittenDecoderLayer(halves[1].layers[0], ttnn, device, batch, CAPACITY),
    )
    accelerate(model, device, strict=True)
    encoder, decoder = (half.layers[0] for half in halves)
    put = by_hand[0].put
    torch.manual_seed(1)
    x, token = put(torch.randn(1, TEXT, 768)), put(torch.randn(1, 1, batch, 768))
    vectors = halves[0].embed_positions(TEXT)
    scores = Scores(vectors)

    state = decoder._symbiote
    shared = state.dtype, state.runtime, state.activity
    utterance = Utterance(torch.ones(batch, TEXT, dtype=torch.bool))
    own, cross = SelfLayer(None, *shared), CrossLayer(utterance, True, *shared)
    own.room_for_one(batch, 12, 64, device)
    at = decoder.upload(torch.zeros(batch, dtype=torch.int32), ttnn.int32, ttnn.ROW_MAJOR_LAYOUT)
    states = utterance.arranged(put(torch.randn(batch, TEXT, 768)), decoder.upload)
    last = utterance.last(decoder.upload)
    source = Source(states, [cross], last=last)
    step = Token(source, [own], at, attention_program(device, batch, 12))
    decoder(token, step=step)
    held = cross.tt_keys, cross.tt_values
    return {
        "encoder": (lambda: encoder(x, scores=scores)[0], lambda: by_hand[0](x, vectors)),
        "decoder": (
            lambda: decoder(token, step=step)[0],
            lambda: by_hand[1](token, at, held, last),
        ),
    }
