"""The kernels and policies of this plugin pass the conformance kit, as those of others have to."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from hypothesis import strategies as st
from speech_models import CLASSES, SMALL, build, build_vocoder
from torch import nn

from symbiote_conformance import KernelConformance, ModelSubject, PolicyConformance, Subject, takes
from symbiote_core import Policy
from symbiote_speecht5.plugin import plugin

WIDTH, BINS, VOICE = (SMALL[k] for k in ("hidden_size", "num_mel_bins", "speaker_embedding_dim"))
IDS = takes("B", "S", below=SMALL["vocab_size"])
STATES = takes("B", "S", WIDTH)
SPECTRA = takes("B", "T", BINS)
SPEAKER = takes("B", VOICE)
SAMPLES = takes("B", "samples")

SIZES = {"samples": st.sampled_from((200, 330, 640)) | st.integers(100, 900)}
"""Samples enough for a frame of the small feature encoder, and for some tiles of frames."""

ONE_LAYER = {"encoder_layers": 1, "decoder_layers": 1}

ENCODER, DECODER = "speecht5.encoder.wrapped_encoder", "speecht5.decoder.wrapped_decoder"
FEATURES = "speecht5.encoder.prenet.feature_encoder"
PRENETS = "speecht5.encoder.prenet", "speecht5.decoder.prenet"

GIVEN: dict[str, dict[str, Any]] = {
    "tts": {"input_ids": IDS, "decoder_input_values": SPECTRA, "speaker_embeddings": SPEAKER},
    "asr": {"input_values": SAMPLES, "decoder_input_ids": IDS},
    "s2s": {
        "input_values": SAMPLES,
        "decoder_input_values": SPECTRA,
        "speaker_embeddings": SPEAKER,
    },
}
"""What a forward of each kind of model takes."""


def _seed(module: nn.Module, args: Any) -> None:
    torch.manual_seed(0)


def seeded(model: nn.Module) -> nn.Module:
    """The model with a hook by which the dropout of its decoder's prenet, always on, repeats."""
    for module in model.modules():
        if type(module).__name__ == "SpeechT5SpeechDecoderPrenet":
            module.register_forward_pre_hook(_seed)
    return model


def small(kind: str, **changes: Any) -> nn.Module:
    return seeded(build(kind, **changes))


def part(path: str, kind: str = "tts", **changes: Any) -> nn.Module:
    """A module of a small model."""
    return seeded(build(kind, **changes)).get_submodule(path)


def of(path: str, kind: str = "tts", **changes: Any) -> functools.partial[nn.Module]:
    return functools.partial(part, path, kind, **changes)


def policy(name: str) -> Policy:
    return next(p for p in plugin.symbiote_policies() if p.name == name)


def convolutions() -> Iterator[Subject]:
    """Those of the postnet, of the feature encoder, of speech's positions, and of the vocoder."""
    for label, last in ("", 0), ("last", SMALL.get("speech_decoder_postnet_layers", 5) - 1):
        layer = of(f"speech_decoder_postnet.layers.{last}")
        width = SMALL["speech_decoder_postnet_units"] if last else BINS
        yield Subject("TTNNBatchNormConvolution", layer, [takes("B", width, "T")], label)
    frames, few = [takes("B", SMALL["conv_dim"][0], "T")], {"T": st.integers(3, 70)}
    for norm, name in {"group": "NoLayerNorm", "layer": "LayerNorm"}.items():
        feature = of(f"{FEATURES}.conv_layers.1", "asr", feat_extract_norm=norm)
        name = f"TTNNFeatureConvolution.SpeechT5{name}ConvLayer"
        yield Subject(name, feature, frames, sizes=few)
    position = of(f"{PRENETS[0]}.pos_conv_embed", "asr")
    yield Subject("TTNNPositionalConvolution", position, [STATES])
    rows = [takes("B", 32, "T")]
    yield Subject("TTNNVocoderBlock", lambda: build_vocoder().get_submodule("resblocks.0"), rows)
    for label, transposed in {
        "": lambda: nn.ConvTranspose1d(32, 16, 8, stride=4, padding=2),
        "unaligned": lambda: nn.ConvTranspose1d(32, 24, 7, stride=3, padding=1, bias=False),
    }.items():
        yield Subject("TTNNConvolution.ConvTranspose1d", transposed, rows, label)


def layers() -> Iterator[Subject]:
    """Layers of encoder and decoder, prenets and positions."""
    yield Subject("TTNNRelativePositions", of(f"{ENCODER}.embed_positions"), [STATES])
    vectors = takes("S", "S", WIDTH // SMALL["encoder_attention_heads"])
    for label, keywords in ("", {"position_bias": vectors}), ("without positions", {}):
        layer = of(f"{ENCODER}.layers.0")
        yield Subject("TTNNSpeechT5EncoderLayer", layer, [STATES], label, keywords)
    source = {"encoder_hidden_states": takes("B", "T", WIDTH)}
    layer = of(f"{DECODER}.layers.0")
    yield Subject("TTNNSpeechT5DecoderLayer", layer, [STATES], keywords=source)
    yield Subject("TTNNTextEncoderPrenet", of(PRENETS[0]), [IDS])
    yield Subject("TTNNTextDecoderPrenet", of(PRENETS[1], "asr"), [IDS])
    yield Subject("TTNNSpeechDecoderPrenet", of(PRENETS[1]), [SPECTRA, SPEAKER])
    yield Subject("TTNNSpeechDecoderPrenet", of(PRENETS[1]), [SPECTRA], "without speaker")


def loops() -> Iterator[Subject]:
    """Kernels over swapped modules."""
    coarse = policy("speecht5")
    states = {"hidden_states": STATES}
    yield Subject("TTNNSpeechT5Encoder", of(ENCODER), [], keywords=states, policy=coarse)
    states = states | {"encoder_hidden_states": takes("B", "T", WIDTH)}
    yield Subject("TTNNSpeechT5Decoder", of(DECODER), [], keywords=states, policy=coarse)
    yield Subject("TTNNSpeechT5Postnet", of("speech_decoder_postnet"), [STATES], policy=coarse)
    for norm in ("group", "layer"):
        build_features = of(FEATURES, "asr", feat_extract_norm=norm)
        yield Subject(
            "TTNNFeatureEncoder", build_features, [SAMPLES], norm, sizes=SIZES, policy=coarse
        )


class TestKernels(KernelConformance):
    plugin = "symbiote-speecht5"

    def subjects(self) -> Iterable[Subject]:
        return (*convolutions(), *layers(), *loops())


class TestPolicies(PolicyConformance):
    plugin = "symbiote-speecht5"

    def subjects(self) -> Iterable[ModelSubject]:
        # Of layers that torch runs, one tells as much as two.
        for name, changes in {"speecht5": {}, "speecht5-fine": ONE_LAYER}.items():
            for kind, given in GIVEN.items():
                model = functools.partial(small, kind, **changes)
                label = CLASSES[kind].__name__
                yield ModelSubject(name, model, (), label, given, SIZES)
        yield ModelSubject("speecht5-hifigan", build_vocoder, [SPECTRA])
