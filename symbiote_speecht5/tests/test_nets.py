"""Prenets, postnet and vocoder: what stands around encoder and decoder."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from speech_models import (
    assert_close,
    build,
    build_vocoder,
    on_host,
    speaker,
    spectrogram,
    speech,
    text,
)
from torch import nn

from symbiote_core import FallbackWarning, TTNNExecutionError, accelerate, plan, report
from symbiote_speecht5.kernels import TTNNConvolution
from symbiote_speecht5.taps import Taps

CONVOLUTIONS: dict[str, nn.Module] = {
    "kernel 1": nn.Conv1d(32, 48, 1),
    "kernel 3": nn.Conv1d(32, 48, 3),
    "padding": nn.Conv1d(32, 48, 5, padding=2),
    "stride": nn.Conv1d(32, 48, 3, stride=2),
    "dilation": nn.Conv1d(32, 32, 3, dilation=5, padding=5),
    "one channel out": nn.Conv1d(32, 1, 7, padding=3),
    "without bias": nn.Conv1d(32, 48, 3, bias=False),
    "transposed": nn.ConvTranspose1d(32, 16, 8, stride=4, padding=2),
    "transposed, other length": nn.ConvTranspose1d(32, 16, 7, stride=3, padding=1),
    "transposed, no overlap": nn.ConvTranspose1d(32, 16, 2, stride=2),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_convolutions_agree_with_torch(emulator: Any, kind: str, batch: int) -> None:
    model = nn.Sequential(CONVOLUTIONS[kind]).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(0))
    x = torch.randn(batch, 32, 45, generator=torch.Generator().manual_seed(1))
    expected = model(x)
    policy = {nn.Conv1d: TTNNConvolution, nn.ConvTranspose1d: TTNNConvolution}
    accelerate(model, emulator, policy=policy, strict=True)
    assert_close(expected, model(x))


@pytest.mark.parametrize(
    ("conv", "why"),
    [
        (nn.Conv1d(32, 32, 3, groups=4), "4 groups"),
        (nn.Conv1d(1, 32, 3), "single channel"),
        (nn.Conv1d(32, 32, 3, padding=1, padding_mode="reflect"), "pads with 'reflect'"),
        (nn.Conv1d(32, 32, 3, padding="same"), "pads with 'zeros', 'same'"),
        (nn.ConvTranspose1d(32, 32, 3, stride=2, output_padding=1), "output_padding=(1,)"),
        (nn.Linear(32, 32), "is a Linear, not a convolution"),
    ],
)
def test_what_is_no_matmul_of_gathered_rows_is_refused(conv: nn.Module, why: str) -> None:
    assert why in str(TTNNConvolution.supports(conv))


@settings(max_examples=50, deadline=None)
@given(
    kernel=st.integers(1, 9),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 3),
    padding=st.integers(0, 4),
    length=st.integers(1, 20),
)
def test_taps_count_the_rows_as_torch_does(
    kernel: int, stride: int, dilation: int, padding: int, length: int
) -> None:
    reach = dilation * (kernel - 1) + 1
    length = max(length, reach - 2 * padding)
    conv = nn.Conv1d(1, 1, kernel, stride=stride, dilation=dilation, padding=padding)
    taps = Taps.of(conv)
    with torch.no_grad():
        assert taps.rows(length) == conv(torch.zeros(1, 1, length)).shape[-1]
    assert taps.places(2, length).shape == (2 * taps.rows(length), kernel)


def test_the_positional_convolution_agrees_with_torch(emulator: Any) -> None:
    model = build("asr")
    embed = model.speecht5.encoder.prenet.pos_conv_embed
    states = torch.randn(2, 45, 128, generator=torch.Generator().manual_seed(1))
    expected = embed(states)
    accelerate(model, emulator, strict=True)
    assert_close(expected, model.speecht5.encoder.prenet.pos_conv_embed(states))


@pytest.mark.parametrize("kernel", [15, 16])
def test_a_positional_convolution_of_any_length(emulator: Any, kernel: int) -> None:
    model = build("asr", num_conv_pos_embeddings=kernel, num_conv_pos_embedding_groups=2)
    expected = model.get_encoder()(speech(2))[0]
    accelerate(model, emulator, strict=True)
    assert_close(expected, model.get_encoder()(speech(2))[0])


def test_the_first_convolution_stays_on_torch_with_the_reason() -> None:
    layers = "speecht5.encoder.prenet.feature_encoder.conv_layers"
    for norm in ("group", "layer"):
        kept = {k.path: k.reason for k in plan(build("asr", feat_extract_norm=norm)).kept}
        assert "its rows of a single channel are too narrow" in kept[f"{layers}.0.conv"]
        assert not [path for path in kept if path.startswith((f"{layers}.1", f"{layers}.2"))]


@pytest.mark.parametrize("norm", ["group", "layer"])
def test_speech_of_both_kinds_of_feature_encoders(emulator: Any, norm: str) -> None:
    model = build("asr", feat_extract_norm=norm)
    expected = model.get_encoder()(speech(2))[0]
    accelerate(model, emulator, strict=True)
    assert_close(expected, model.get_encoder()(speech(2))[0])
    assert report(model).fallback_count == 0


@pytest.mark.parametrize("voiced", [True, False])
def test_the_decoders_prenet_drops_what_torch_drops(emulator: Any, voiced: bool) -> None:
    model = build()
    prenet, frames = model.speecht5.decoder.prenet, spectrogram(model, 3, 40)
    voice = speaker(model, 3) if voiced else None
    torch.manual_seed(3)
    expected, then = prenet(frames, voice), torch.rand(4)
    accelerate(model, emulator, strict=True)
    swapped = model.speecht5.decoder.prenet
    torch.manual_seed(3)
    actual = swapped(frames, voice)
    assert torch.equal(torch.rand(4), then)  # the generator is where torch leaves it
    assert_close(expected[:, -1:], actual[:, -1:])
    assert_close(expected, actual)
    assert not torch.equal(on_host(actual), on_host(swapped(frames, voice)))


def test_the_last_row_costs_the_same_however_many_there_are(emulator: Any) -> None:
    model = build()
    accelerate(model, emulator, strict=True)
    prenet, voice = model.speecht5.decoder.prenet, speaker(model)
    prenet(spectrogram(model, 1, 2), voice)[:, -1:]
    traffic = []
    for length in (3, 300):
        before = report(model).traffic
        prenet(spectrogram(model, 1, length), voice)[:, -1:]
        after = report(model).traffic
        traffic.append((after.uploads - before.uploads, after.upload_bytes - before.upload_bytes))
    assert traffic[0] == traffic[1]
    assert traffic[0][0] == 4  # frame, two masks, position


def test_a_speaker_that_changes_is_noticed(emulator: Any) -> None:
    model = build()
    frames, voice = spectrogram(model, 1, 5), speaker(model)
    prenet = model.speecht5.decoder.prenet

    def run(module: Any) -> list[torch.Tensor]:
        out = []
        for factor in (1.0, -1.0):
            voice.mul_(factor)
            torch.manual_seed(0)
            out.append(module(frames, voice))
        return out

    expected = run(prenet)
    voice.mul_(-1.0)
    accelerate(model, emulator, strict=True)
    for want, got in zip(expected, run(model.speecht5.decoder.prenet), strict=True):
        assert_close(want, got)


@pytest.mark.parametrize("dropout", [0.5, 0.3])
def test_rows_that_fail_are_computed_by_torch_with_the_masks_that_were_drawn(
    emulator: Any, monkeypatch: pytest.MonkeyPatch, dropout: float
) -> None:
    from symbiote_speecht5.kernels.speech_prenet import TTNNSpeechDecoderPrenet

    model = build(speech_decoder_prenet_dropout=dropout)
    frames, voice = spectrogram(model, 2, 7), speaker(model, 2)
    torch.manual_seed(3)
    expected = model.speecht5.decoder.prenet(frames, voice)

    def fail(*args: Any) -> Any:
        raise RuntimeError("no rows today")

    accelerate(model, emulator)
    monkeypatch.setattr(TTNNSpeechDecoderPrenet, "_rows", fail)
    torch.manual_seed(3)
    with pytest.warns(FallbackWarning, match="no rows today"):
        actual = model.speecht5.decoder.prenet(frames, voice)[:, -1:]
    assert torch.equal(on_host(actual), expected[:, -1:])
    assert report(model).fallback_count == 1
    accelerate(model, emulator, strict=True)
    with pytest.raises(TTNNExecutionError, match="no rows today"):
        model.speecht5.decoder.prenet(frames, voice)[:, -1:]


def test_the_postnet_refines_as_torch_does(emulator: Any) -> None:
    model = build()
    spectra = spectrogram(model, 2, 33)
    expected = model.speech_decoder_postnet.postnet(spectra)
    accelerate(model, emulator, strict=True)
    actual = model.speech_decoder_postnet.postnet(spectra)
    assert type(actual) is torch.Tensor
    assert_close(expected - spectra, actual - spectra)


def test_a_postnet_that_fails_is_torchs_and_visible(
    emulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from symbiote_speecht5.kernels.postnet import TTNNSpeechT5Postnet

    def fail(*args: Any) -> Any:
        raise RuntimeError("no refinement today")

    model = build()
    spectra = spectrogram(model, 2, 33)
    expected = model.speech_decoder_postnet.postnet(spectra)
    accelerate(model, emulator)
    monkeypatch.setattr(TTNNSpeechT5Postnet, "_refinement", fail)
    with pytest.warns(FallbackWarning, match="no refinement today"):
        actual = model.speech_decoder_postnet.postnet(spectra)
    assert_close(expected, actual)


def test_texts_longer_than_the_table_of_positions(emulator: Any) -> None:
    """The decoder's table grows, as torch's; the encoder's ends, as torch's."""
    model = build("asr", max_text_positions=20)
    ids, states = text(1, 60), model.get_encoder()(speech(1))
    expected = model(encoder_outputs=states, decoder_input_ids=ids).logits
    accelerate(model, emulator, strict=True)
    assert_close(expected, model(encoder_outputs=states, decoder_input_ids=ids).logits)


@pytest.mark.parametrize("batched", [True, False])
def test_the_vocoder_agrees_with_torch(emulator: Any, batched: bool) -> None:
    vocoder = build_vocoder()
    spectra = torch.randn(2, 37, 20, generator=torch.Generator().manual_seed(0))
    spectra = spectra if batched else spectra[0]
    expected = vocoder(spectra)
    accelerate(vocoder, emulator, strict=True)
    actual = vocoder(spectra)
    assert type(actual) is torch.Tensor
    assert_close(expected, actual)
    assert report(vocoder).fallback_count == 0
    assert not report(vocoder).op_fallbacks
    assert not [k for k in plan(build_vocoder()).kept if k.parameters]


def test_a_waveform_is_generated_through_a_swapped_vocoder(emulator: Any) -> None:
    model, vocoder = build(), build_vocoder()

    def speak() -> torch.Tensor:
        torch.manual_seed(1)
        options = {"minlenratio": 0.8, "maxlenratio": 0.9}
        out: torch.Tensor = model.generate_speech(
            text(1, 20), speaker(model), vocoder=vocoder, **options
        )
        return out

    expected = speak()
    accelerate(model, emulator, strict=True)
    accelerate(vocoder, emulator, strict=True)
    assert_close(expected, speak())
    assert not report(model).op_fallbacks
