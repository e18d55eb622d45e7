"""Swapped ViTs give what torch gives."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest
import torch
from vit_models import assert_close, build, images

from symbiote_core import FallbackWarning, TTNNModule, accelerate, report, restore


def run(model: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return dict(model(*args, **kwargs))


@pytest.mark.parametrize("policy", ["vit", "vit-fine"])
@pytest.mark.parametrize("kind", ["model", "classifier", "masked"])
@pytest.mark.parametrize("batch", [1, 3])
def test_outputs_agree_with_torch(emulator: Any, kind: str, policy: str, batch: int) -> None:
    model = build(kind)
    pixels = images(batch)
    expected = run(model, pixels)
    accelerate(model, emulator, policy=policy)
    actual = run(model, pixels)
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        assert_close(value, actual[key])
    assert report(model).fallback_count == 0


def test_one_upload_and_one_download_and_nothing_on_torch(emulator: Any) -> None:
    model = build("classifier")
    accelerate(model, emulator)
    for _ in range(3):
        model(images())
    told = report(model)
    assert told.traffic.forwards == 3
    assert told.traffic.uploads == 3
    assert told.traffic.downloads == 3
    assert told.fallbacks == ()
    assert told.op_fallbacks == ()


def test_the_layers_run_in_a_row_unless_more_is_asked_for(emulator: Any) -> None:
    model = build("classifier")
    accelerate(model, emulator)

    def calls() -> dict[str, int]:
        told = report(model).modules
        return {m.kernel: m.calls for m in told if m.kernel in ("TTNNViTModel", "TTNNViTLayer")}

    model(images())
    assert calls() == {"TTNNViTModel": 1, "TTNNViTLayer": 1}
    model(images(), output_hidden_states=True)
    assert calls() == {"TTNNViTModel": 1, "TTNNViTLayer": 2}
    model(images(1, (48, 48)), interpolate_pos_encoding=True)
    assert calls() == {"TTNNViTModel": 2, "TTNNViTLayer": 3}
    assert report(model).fallback_count == 0


def test_the_device_sees_no_other_transfers_than_reported(emulator: Any) -> None:
    model = build("classifier")
    accelerate(model, emulator)
    emulator.reset_counters()
    model(images())
    assert (emulator.counters.uploads, emulator.counters.downloads) == (1, 1)


def test_an_encoder_layer_is_at_most_ten_operations(emulator: Any) -> None:
    model = build("classifier", num_hidden_layers=1)
    accelerate(model, emulator)
    model(images())
    emulator.reset_counters()
    model(images())
    counted = dict(emulator.counters.operations)
    outside = {"ttnn.slice", "ttnn.reshape", "ttnn.from_torch", "ttnn.to_torch"}
    operations = sum(n for name, n in counted.items() if name not in outside)
    # Embeddings are two, the final norm and the classifier one each.
    assert operations - 4 <= 10, counted


def test_masked_patches(emulator: Any) -> None:
    model = build("masked")
    mask = torch.zeros(2, 16, dtype=torch.bool)
    mask[0, 3:9] = True
    mask[1, ::2] = True
    expected = model(images(), bool_masked_pos=mask)
    accelerate(model, emulator)
    actual = model(images(), bool_masked_pos=mask)
    assert_close(expected.reconstruction, actual.reconstruction)
    assert_close(expected.loss, actual.loss)
    assert report(model).fallback_count == 0


@pytest.mark.parametrize("size", [(48, 48), (64, 32), (40, 56), (35, 37)])
def test_images_of_other_sizes(emulator: Any, size: tuple[int, int]) -> None:
    model = build("classifier")
    pixels = images(2, size)
    expected = model(pixels, interpolate_pos_encoding=True).logits
    accelerate(model, emulator)
    assert_close(expected, model(pixels, interpolate_pos_encoding=True).logits)
    assert report(model).fallback_count == 0


def test_an_image_that_does_not_fit_gets_torchs_own_error(emulator: Any) -> None:
    model = build("classifier")
    accelerate(model, emulator)
    with pytest.raises(ValueError, match=r"Input image size \(48\*48\) doesn't match model"):
        model(images(1, (48, 48)))
    with pytest.raises(ValueError, match="channel dimension"):
        model(torch.randn(1, 1, 32, 32))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_models(emulator: Any, dtype: torch.dtype) -> None:
    model = build("classifier")
    expected = model(images()).logits
    model.to(dtype)
    accelerate(model, emulator)
    actual = model(images().to(dtype)).logits
    assert actual.dtype == dtype
    assert_close(expected, actual.float())
    assert report(model).fallback_count == 0


def test_half_after_the_swap(emulator: Any) -> None:
    model = build("classifier")
    expected = model(images()).logits
    accelerate(model, emulator)
    model.half()
    assert_close(expected, model(images().half()).logits.float())


def test_an_empty_batch_gets_what_torch_gives(emulator: Any) -> None:
    model = build("classifier")
    try:
        expected: Any = model(images(0)).logits.shape
    except RuntimeError as error:  # transformers' own reshape can't tell the size of no images
        expected = str(error)
    accelerate(model, emulator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        if isinstance(expected, str):
            with pytest.raises(RuntimeError, match=re.escape(expected)):
                model(images(0))
        else:
            assert model(images(0)).logits.shape == expected


@pytest.mark.parametrize("weights", ["bfloat16", "bfloat8_b"])
def test_weight_dtypes(emulator: Any, weights: str) -> None:
    model = build("classifier")
    expected = model(images()).logits
    accelerate(model, emulator, model_config={"weights": weights})
    assert_close(expected, model(images()).logits, rms=0.05)


def test_fidelity_changes_the_answer(emulator: Any) -> None:
    model = build("classifier")
    accelerate(model, emulator)
    full = model(images()).logits
    restore(model)
    accelerate(model, emulator, model_config={"math_fidelity": "LoFi"})
    assert not torch.equal(full, model(images()).logits)


def test_an_unknown_configuration_leaves_the_model_alone(emulator: Any) -> None:
    model = build("classifier")
    before = [id(m) for m in model.modules()]
    with pytest.raises(RuntimeError, match=r"'weight'; known are weights, activations"):
        accelerate(model, emulator, model_config={"weight": "bfloat8_b"})
    assert [id(m) for m in model.modules()] == before


def test_state_dict_and_saving_are_the_originals(emulator: Any, tmp_path: Any) -> None:
    model = build("classifier")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    accelerate(model, emulator)
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[k], v) for k, v in before.items())
    expected = model(images()).logits
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path).eval()
    assert_close(again(images()).logits, expected)


def test_restore_gives_the_same_modules_and_answers(emulator: Any) -> None:
    model = build("classifier")
    modules = list(model.modules())
    expected = model(images()).logits
    accelerate(model, emulator)
    model(images())
    restore(model)
    assert all(a is b for a, b in zip(model.modules(), modules, strict=True))
    assert torch.equal(model(images()).logits, expected)
    assert emulator.memory(_dram()).live_bytes == 0


def test_interpolated_tables_are_freed_with_the_weights(emulator: Any) -> None:
    model = build("classifier")
    accelerate(model, emulator)
    model(images(1, (48, 48)), interpolate_pos_encoding=True)
    for module in model.modules():
        if isinstance(module, TTNNModule):
            module.move_weights_to_host()
    assert emulator.memory(_dram()).live_bytes == 0
    model(images(1, (48, 48)), interpolate_pos_encoding=True)
    for module in model.modules():
        if isinstance(module, TTNNModule):
            module.deallocate_weights()
    assert emulator.memory(_dram()).live_bytes == 0


def _dram() -> Any:
    from symbiote_emulator import ttnn

    return ttnn.BufferType.DRAM


def test_nothing_leaks_over_many_forwards(emulator: Any) -> None:
    model = build("classifier")
    accelerate(model, emulator)
    model(images())
    first = emulator.memory(_dram()).live_bytes
    for _ in range(100):
        model(images())
    assert emulator.memory(_dram()).live_bytes == first
