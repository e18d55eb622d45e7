"""A swapped SpeechT5 computes what torch computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from speech_models import (
    assert_close,
    build,
    forward,
    padded_text,
    speaker,
    spectrogram,
    speech,
    text,
)

from symbiote_core import (
    TTNNModule,
    accelerate,
    apply,
    plan,
    report,
    restore,
    set_device,
    set_run_mode,
    without_weights,
)


def inputs_of(kind: str, model: Any, batch: int = 2, length: int = 9) -> dict[str, Any]:
    """Arguments of a forward with teacher forcing."""
    given: dict[str, Any] = {}
    if kind == "tts":
        given["input_ids"] = text(batch, 13)
    else:
        given["input_values"] = speech(batch)
    if kind == "asr":
        given["decoder_input_ids"] = text(batch, length, seed=1)
    else:
        given["decoder_input_values"] = spectrogram(model, batch, length)
        given["speaker_embeddings"] = speaker(model, batch)
    return given


def result(kind: str, out: Any) -> torch.Tensor:
    found: torch.Tensor = out.logits if kind == "asr" else out.spectrogram
    return found


@pytest.mark.parametrize("policy", ["speecht5", "speecht5-fine"])
@pytest.mark.parametrize("kind", ["tts", "asr", "s2s"])
def test_outputs_agree_with_torch(emulator: Any, kind: str, policy: str) -> None:
    model = build(kind)
    given = inputs_of(kind, model)
    expected = forward(model, **given)
    accelerate(model, emulator, policy=policy, strict=True)
    actual = forward(model, **given)
    assert_close(result(kind, expected), result(kind, actual))
    assert_close(expected.encoder_last_hidden_state, actual.encoder_last_hidden_state)
    assert report(model).fallback_count == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder_attention_heads": 2, "decoder_attention_heads": 2},
        {"encoder_max_relative_position": 3},
        {"hidden_act": "relu"},
        {"encoder_layers": 1, "decoder_layers": 3},
        {"reduction_factor": 3},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_geometries_agree_with_torch(emulator: Any, changes: dict[str, Any]) -> None:
    model = build(**changes)
    given = inputs_of("tts", model)
    expected = forward(model, **given).spectrogram
    accelerate(model, emulator, strict=True)
    assert_close(expected, forward(model, **given).spectrogram)


def test_heads_that_are_no_whole_tiles_stay_on_torch_with_the_reason(emulator: Any) -> None:
    model = build(decoder_attention_heads=8)
    kept = {k.path: k.reason for k in plan(model).kept}
    why = kept["speecht5.decoder.wrapped_decoder.layers.0"]
    assert "head size 16 is not a multiple of 32" in why
    given = inputs_of("tts", model)
    expected = forward(model, **given).spectrogram
    accelerate(model, emulator, strict=True)
    assert_close(expected, forward(model, **given).spectrogram)


@pytest.mark.parametrize("length", [1, 31, 32, 33, 100])
def test_texts_of_any_length(emulator: Any, length: int) -> None:
    model = build()
    given = inputs_of("tts", model, batch=1) | {"input_ids": text(1, length)}
    expected = forward(model, **given).spectrogram
    accelerate(model, emulator, strict=True)
    assert_close(expected, forward(model, **given).spectrogram)


def test_masks_of_encoder_and_decoder_agree_with_torch(emulator: Any) -> None:
    model = build()
    ids, mask = padded_text([13, 4, 9])
    own = (torch.arange(9) < torch.tensor([[9], [3], [6]])).long()
    given = inputs_of("tts", model, batch=3) | {
        "input_ids": ids,
        "attention_mask": mask,
        "decoder_attention_mask": own,
    }
    expected = forward(model, **given)
    accelerate(model, emulator, strict=True)
    actual = forward(model, **given)
    assert_close(expected.encoder_last_hidden_state, actual.encoder_last_hidden_state)
    assert_close(expected.spectrogram[0], actual.spectrogram[0])
    assert report(model).fallback_count == 0


def test_all_hidden_states_agree_with_torch(emulator: Any) -> None:
    model = build()
    given = inputs_of("tts", model) | {"output_hidden_states": True}
    expected = forward(model, **given)
    accelerate(model, emulator, strict=True)
    actual = forward(model, **given)
    for name in ("encoder_hidden_states", "decoder_hidden_states"):
        assert len(getattr(actual, name)) == len(getattr(expected, name)) == 3
        for want, got in zip(getattr(expected, name), getattr(actual, name), strict=True):
            assert_close(want, got)


def test_attention_weights_come_from_torch_and_visibly(emulator: Any) -> None:
    model = build()
    given = inputs_of("tts", model) | {"output_attentions": True}
    expected = forward(model, **given)
    accelerate(model, emulator)
    with pytest.warns(UserWarning, match="ran on torch instead"):
        actual = forward(model, **given)
    assert_close(expected.cross_attentions[0], actual.cross_attentions[0])
    assert_close(expected.spectrogram, actual.spectrogram)
    assert report(model).fallback_count > 0


def test_layers_may_be_left_out_of_the_swap(emulator: Any) -> None:
    """Torch's own loops go over what is swapped and what is not, with their masks."""
    model = build()
    ids, mask = padded_text([13, 9])
    given = inputs_of("tts", model) | {"input_ids": ids, "attention_mask": mask}
    expected = forward(model, **given, use_cache=False)
    excluded = ["*wrapped_encoder.layers.0", "*wrapped_decoder.layers.1"]
    accelerate(model, emulator, exclude=excluded, strict=True)
    actual = forward(model, **given, use_cache=False)
    assert_close(expected.spectrogram, actual.spectrogram)
    assert report(model).fallback_count == 0


def test_the_state_dict_is_the_originals_and_restore_gives_back_the_very_modules(
    emulator: Any,
) -> None:
    model = build()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modules = dict(model.named_modules())
    accelerate(model, emulator, strict=True)
    forward(model, **inputs_of("tts", model))
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(before[key], after[key]) for key in before)
    restore(model)
    assert all(module is modules[name] for name, module in model.named_modules())


def test_loaded_weights_are_taken(emulator: Any) -> None:
    model, other = build(), build()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter *= 0.9
    given = inputs_of("tts", model)
    expected = forward(other, **given).spectrogram
    accelerate(model, emulator, strict=True)
    forward(model, **given)
    model.load_state_dict(other.state_dict())
    assert_close(expected, forward(model, **given).spectrogram)


@pytest.mark.parametrize("weights", ["bfloat8_b", {"attention": "bfloat8_b"}])
def test_weights_of_other_dtypes(emulator: Any, weights: Any) -> None:
    model = build()
    given = inputs_of("tts", model)
    expected = forward(model, **given).spectrogram
    accelerate(model, emulator, model_config={"weights": weights}, strict=True)
    assert_close(expected, forward(model, **given).spectrogram, rms=0.06)


def test_a_model_that_is_put_on_a_device_by_hand_runs_there(emulator: Any) -> None:
    """Weights are converted at the first call then, and again after they were freed."""
    model = build()
    given = inputs_of("tts", model, length=1)
    expected = forward(model, **given).spectrogram
    apply(plan(model), model, strict=True)
    set_device(model, emulator)
    assert_close(expected, forward(model, **given).spectrogram)
    for module in model.modules():
        if TTNNModule in type(module).__mro__:
            module.deallocate_weights()
    assert_close(expected, forward(model, **given).spectrogram)
    assert report(model).fallback_count == 0


@pytest.mark.parametrize("kind", ["tts", "asr"])
def test_a_model_without_weights_reads_its_checkpoint(
    emulator: Any, kind: str, tmp_path: Path
) -> None:
    original = build(kind)
    original.save_pretrained(tmp_path)
    given = inputs_of(kind, original)
    expected = forward(original, **given)
    with without_weights():
        model = type(original)(original.config).eval()
    accelerate(model, emulator, checkpoint=tmp_path, strict=True)
    assert_close(result(kind, expected), result(kind, forward(model, **given)))


@pytest.mark.parametrize("kind", ["tts", "asr"])
def test_weights_that_are_let_go(emulator: Any, kind: str, tmp_path: Path) -> None:
    model = build(kind)
    model.save_pretrained(tmp_path)
    given = inputs_of(kind, model)
    expected = forward(model, **given)
    accelerate(model, emulator, checkpoint=tmp_path, release_torch_weights=True, strict=True)
    assert_close(result(kind, expected), result(kind, forward(model, **given)))
    assert report(model).fallback_count == 0


@pytest.mark.parametrize("kind", ["tts", "asr"])
def test_the_torch_mode_gives_what_torch_gives(emulator: Any, kind: str) -> None:
    model = build(kind)
    given = inputs_of(kind, model)
    expected = result(kind, forward(model, **given))
    accelerate(model, emulator, strict=True)
    set_run_mode(model, "torch")
    assert torch.equal(result(kind, forward(model, **given)), expected)
    assert report(model).fallback_count == 0


def test_every_module_is_compared_with_torch(emulator: Any) -> None:
    """Without a cache: called by torch code, a layer takes none."""
    model = build("asr")
    given = inputs_of("asr", model)
    expected = model(**given).logits
    accelerate(model, emulator, strict=True)
    set_run_mode(model, "compare")
    assert_close(expected, model(**given, use_cache=False).logits)
    over = {"TTNNSpeechT5Encoder", "TTNNSpeechT5Decoder", "TTNNFeatureEncoder"}
    compared = {m.paths: m.pcc for m in report(model).modules if m.kernel not in over}
    assert all(value is not None and value > 0.999 for value in compared.values()), compared
