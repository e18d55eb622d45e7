"""Swapped OWL-ViTs give what torch gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from owlvit_models import (
    LAST,
    assert_all_close,
    assert_close,
    build,
    clear_query,
    images,
    inputs,
    padding_of,
    tensors,
    texts,
)

from symbiote_core import FallbackWarning, TorchTTNNTensor, accelerate, report, restore

KINDS = ("detector", "model", "text", "vision")


@pytest.mark.parametrize("policy", ["owlvit", "owlvit-fine"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_agree_with_torch(emulator: Any, kind: str, attention: str, policy: str) -> None:
    model = build(kind, attention=attention)
    expected = model(**inputs(kind))
    accelerate(model, emulator, policy=policy, strict=True)
    assert_all_close(expected, model(**inputs(kind)))
    assert report(model).fallback_count == 0


@pytest.mark.parametrize(
    ("kind", "uploads", "downloads"),
    [
        # Images, ids, what is masked, and where the texts end; nine tensors come out.
        ("detector", 4, 9),
        # All of the above; text_embeds and image_embeds are compared where they are: on the host.
        ("model", 4, 6),
        ("text", 3, 2),
        ("vision", 1, 2),
    ],
)
def test_each_tensor_crosses_once_and_nothing_runs_on_torch(
    emulator: Any, kind: str, uploads: int, downloads: int
) -> None:
    model = build(kind)
    accelerate(model, emulator)
    model(**inputs(kind))
    emulator.reset_counters()
    model(**inputs(kind))
    assert (emulator.counters.uploads, emulator.counters.downloads) == (uploads, downloads)
    told = report(model)
    assert (told.traffic.uploads, told.traffic.downloads) == (2 * uploads, 2 * downloads)
    assert told.fallbacks == ()
    assert told.op_fallbacks == ()


def test_texts_without_padding_need_no_mask(emulator: Any) -> None:
    model = build("text")
    expected = model(texts())
    accelerate(model, emulator)
    assert_all_close(expected, model(texts()))
    assert report(model).traffic.uploads == 2
    with_ones = model(texts(), torch.ones(4, 16))
    assert report(model).traffic.uploads == 4
    for (_, a), (_, b) in zip(tensors(model(texts())), tensors(with_ones), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("length", [1, 2, 7, 16])
def test_texts_of_other_lengths(emulator: Any, length: int) -> None:
    model = build("text")
    ids = texts()[:, :length]
    expected = model(ids, padding_of(ids))
    accelerate(model, emulator, strict=True)
    assert_all_close(expected, model(ids, padding_of(ids)))


def test_a_text_that_is_too_long_gets_torchs_own_error(emulator: Any) -> None:
    model = build("text")
    ids = torch.full((1, 17), LAST)
    with pytest.raises((RuntimeError, ValueError)) as expected:
        model(ids)
    accelerate(model, emulator)
    with pytest.raises(type(expected.value), match="17"):
        model(ids)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_text_whose_first_token_is_masked_runs_on_torch_visibly(
    emulator: Any, attention: str
) -> None:
    model = build("text", attention=attention)
    ids = texts()
    mask = padding_of(ids)
    mask[1, 0] = 0
    expected = model(ids, mask)
    accelerate(model, emulator)
    with pytest.warns(FallbackWarning, match="hides every key"):
        actual = model(ids, mask)
    assert_all_close(expected, actual)


def test_queries_that_are_none_get_the_lowest_logits(emulator: Any) -> None:
    model = build()
    given = inputs("detector")
    given["input_ids"][3, 0] = 0
    given["attention_mask"][3, 0] = 1
    expected = model(**given)
    accelerate(model, emulator)
    actual = model(**given)
    lowest = torch.finfo(torch.float32).min
    assert (actual.logits[1, :, 1] == lowest).all()
    assert (expected.logits == lowest).equal(actual.logits == lowest)
    assert_close(expected.logits[0], actual.logits[0])
    assert report(model).fallback_count == 0


@pytest.mark.parametrize("policy", ["owlvit", "owlvit-fine"])
def test_detection_guided_by_an_image(emulator: Any, policy: str) -> None:
    model = build()
    query = clear_query(model)
    expected = model.image_guided_detection(images(), query)
    accelerate(model, emulator, policy=policy, strict=True)
    actual = model.image_guided_detection(images(), query)
    wanted, found = dict(tensors(expected)), dict(tensors(actual))
    assert wanted.keys() == found.keys()
    for name, value in wanted.items():
        got = found[name]
        assert_close(value, got.to_torch if isinstance(got, TorchTTNNTensor) else got)
    told = report(model)
    assert told.fallback_count == 0
    if policy == "owlvit":
        # Two images and the query; logits and class embeddings, those of the query, two of boxes.
        assert told.op_fallbacks == ()
        assert told.traffic.uploads == 3


def test_features_of_texts_and_images(emulator: Any) -> None:
    model = build("model")
    ids = texts()

    def features() -> list[torch.Tensor]:
        read = model.get_text_features(input_ids=ids, attention_mask=padding_of(ids))
        seen = model.get_image_features(pixel_values=images())
        return [getattr(out, "pooler_output", out) for out in (read, seen)]  # a tensor in 4.57

    expected = features()
    accelerate(model, emulator, strict=True)
    for want, got in zip(expected, features(), strict=True):
        assert type(got) is torch.Tensor
        assert_close(want, got)


@pytest.mark.parametrize("kind", ["detector", "model"])
@pytest.mark.parametrize("options", [{"return_dict": False}, {"output_hidden_states": True}])
def test_what_the_kernels_do_not_give_is_put_together_by_torch(
    emulator: Any, kind: str, options: dict[str, bool]
) -> None:
    model = build(kind)
    expected = model(**inputs(kind), **options)
    accelerate(model, emulator, strict=True)
    actual = model(**inputs(kind), **options)
    if "return_dict" in options:
        assert isinstance(actual, tuple)
        assert len(actual) == len(expected)
        assert_close(expected[0], actual[0])
    else:
        assert_all_close(expected, actual)
        seen = actual.vision_model_output.hidden_states
        assert len(seen) == len(expected.vision_model_output.hidden_states) == 3


def test_the_loss_of_a_batch(emulator: Any) -> None:
    model = build("model")
    given = inputs("model") | {"pixel_values": images(4), "return_loss": True}
    expected = model(**given)
    accelerate(model, emulator, strict=True)
    assert_all_close(expected, model(**given))


@pytest.mark.parametrize("size", [(48, 48), (64, 32), (40, 56)])
@pytest.mark.parametrize("kind", ["detector", "vision"])
def test_images_of_other_sizes(emulator: Any, kind: str, size: tuple[int, int]) -> None:
    model = build(kind)
    given = inputs(kind) | {"pixel_values": images(2, size), "interpolate_pos_encoding": True}
    expected = model(**given)
    accelerate(model, emulator, strict=True)
    assert_all_close(expected, model(**given))


def test_an_image_that_does_not_fit_gets_torchs_own_error(emulator: Any) -> None:
    model = build("vision")
    with pytest.raises(Exception, match=r"\S") as expected:
        model(images(1, (48, 48)))
    accelerate(model, emulator)
    with pytest.raises(type(expected.value)) as actual:
        model(images(1, (48, 48)))
    assert str(actual.value) == str(expected.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("policy", ["owlvit", "owlvit-fine"])
def test_half_precision_models(emulator: Any, policy: str, dtype: torch.dtype) -> None:
    model = build()
    expected = dict(tensors(model(**inputs("detector"))))
    model.to(dtype)
    dtypes = {name: value.dtype for name, value in tensors(model(**inputs("detector")))}
    accelerate(model, emulator, policy=policy, strict=True)
    for name, value in tensors(model(**inputs("detector"))):
        assert value.dtype == dtypes[name]
        assert_close(expected[name], value.float(), rms=0.05)


@pytest.mark.parametrize("weights", ["bfloat16", "bfloat8_b"])
def test_weight_dtypes(emulator: Any, weights: str) -> None:
    model = build()
    expected = model(**inputs("detector"))
    accelerate(model, emulator, model_config={"weights": weights})
    assert_all_close(expected, model(**inputs("detector")), rms=0.05)


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu", "relu"])
def test_activations_that_ttnn_fuses(emulator: Any, activation: str) -> None:
    model = build("vision", vision={"hidden_act": activation})
    expected = model(images())
    accelerate(model, emulator, strict=True)
    assert_all_close(expected, model(images()))
    assert {m.kernel for m in report(model).modules} >= {"TTNNOwlViTLayer"}


def test_the_runtime_of_the_model_is_used_whatever_is_active(emulator: Any) -> None:
    from symbiote_core.runtime.active import activate

    model = build()
    expected = model(**inputs("detector"))
    accelerate(model, emulator, strict=True)
    activate(None)
    assert_all_close(expected, model(**inputs("detector")))


def test_state_dict_and_saving_are_the_originals(emulator: Any, tmp_path: Any) -> None:
    model = build()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    accelerate(model, emulator)
    expected = model(**inputs("detector")).logits
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[k], v) for k, v in before.items())
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path).eval()
    assert_close(again(**inputs("detector")).logits, expected)


def test_restore_gives_the_same_modules_and_answers(emulator: Any) -> None:
    from symbiote_emulator import ttnn

    model = build()
    modules = list(model.modules())
    expected = model(**inputs("detector"))
    accelerate(model, emulator)
    model(**inputs("detector"))
    restore(model)
    assert all(a is b for a, b in zip(model.modules(), modules, strict=True))
    for (_, a), (_, b) in zip(tensors(model(**inputs("detector"))), tensors(expected), strict=True):
        assert torch.equal(a, b)
    assert emulator.memory(ttnn.BufferType.DRAM).live_bytes == 0


def test_nothing_leaks_over_many_forwards(emulator: Any) -> None:
    from symbiote_emulator import ttnn

    model = build()
    accelerate(model, emulator)
    model(**inputs("detector"))
    first = emulator.memory(ttnn.BufferType.DRAM).live_bytes
    for _ in range(100):
        model(**inputs("detector"))
    assert emulator.memory(ttnn.BufferType.DRAM).live_bytes == first
