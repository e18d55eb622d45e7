"""What a model is run on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from symbiote_cli import inputs
from symbiote_cli.errors import CommandError
from symbiote_cli.inputs import default_pixels, make_inputs
from symbiote_cli.loading import Source, build_random

BERT = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "vocab_size": 100,
}


def build(folder: Path, dtype: str = "auto") -> tuple[Any, Source]:
    source = Source.of(str(folder))
    return build_random(source, dtype, 0).model, source


@pytest.fixture
def bert_folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(BERT))
    return tmp_path


def test_an_image_without_processor(vit_folder: Path, tmp_path: Path) -> None:
    Image.new("L", (50, 20), 255).save(tmp_path / "white.png")
    model, source = build(vit_folder)
    made = make_inputs(model, source, tmp_path / "white.png", None)
    assert torch.equal(made.tensors["pixel_values"], torch.ones(1, 3, 32, 32))
    assert made.describe() == {"pixel_values": "[1, 3, 32, 32] float32"}
    assert "resized to 32 x 32" in made.notes[0]


def test_a_batch_of_equal_inputs(bert_folder: Path) -> None:
    model, source = build(bert_folder)
    made = make_inputs(model, source, None, "ab").repeated(3)
    assert made.tensors["input_ids"].tolist() == [[97, 98]] * 3
    assert made.describe() == {"input_ids": "[3, 2] int64"}


def test_the_folders_processor_is_used(vit_folder: Path, tmp_path: Path) -> None:
    (vit_folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "image_processor_type": "ViTImageProcessor",
                "size": {"height": 32, "width": 32},
                "image_mean": [0.0, 0.0, 0.0],
                "image_std": [0.5, 0.5, 0.5],
            }
        )
    )
    Image.new("RGB", (50, 20), (255, 255, 255)).save(tmp_path / "white.png")
    model, source = build(vit_folder)
    made = make_inputs(model, source, tmp_path / "white.png", None)
    assert torch.allclose(made.tensors["pixel_values"], torch.full((1, 3, 32, 32), 2.0))
    assert made.notes == ()


def test_a_sample_photograph(vit_folder: Path) -> None:
    model, source = build(vit_folder)
    made = make_inputs(model, source, None, None)
    assert made.notes[0] == "No --image given: the image is scikit-learn's china.jpg."


def test_a_generated_sample(vit_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs.importlib.util, "find_spec", lambda name: None)
    model, source = build(vit_folder)
    made = make_inputs(model, source, None, None)
    assert "a generated gradient" in made.notes[0]
    assert made.tensors["pixel_values"].std() > 0.1


def test_pixels_have_the_models_dtype(vit_folder: Path) -> None:
    model, source = build(vit_folder, "bfloat16")
    assert make_inputs(model, source, None, None).tensors["pixel_values"].dtype is torch.bfloat16


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels(channels: int) -> None:
    pixels = default_pixels(Image.new("RGB", (8, 8), (0, 0, 0)), 4, 6, channels)
    assert torch.equal(pixels, torch.full((1, channels, 4, 6), -1.0))


def test_text_without_tokenizer(bert_folder: Path) -> None:
    model, source = build(bert_folder)
    made = make_inputs(model, source, None, "aé")
    assert made.tensors["input_ids"].tolist() == [[ord("a"), 195 - 100, 169 - 100]]
    assert made.notes == ("No tokenizer: the token ids are the text's UTF-8 bytes.",)


def test_a_text_that_is_longer_than_the_model_reads(bert_folder: Path) -> None:
    config = json.loads((bert_folder / "config.json").read_text())
    (bert_folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 3}))
    model, source = build(bert_folder)
    made = make_inputs(model, source, None, "abcd")
    assert made.tensors["input_ids"].tolist() == [[97, 98, 99]]
    assert made.notes == ("No tokenizer: the token ids are the first 3 of the text's UTF-8 bytes.",)


def test_images_with_texts(tmp_path: Path) -> None:
    """A detector takes both, and says in its parts' configurations how much of each."""
    layers = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    config = {
        "architectures": ["OwlViTForObjectDetection"],
        "model_type": "owlvit",
        "projection_dim": 32,
        "text_config": layers | {"num_attention_heads": 1, "max_position_embeddings": 4},
        "vision_config": layers | {"num_attention_heads": 1, "image_size": 16, "patch_size": 8},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    model, source = build(tmp_path)
    made = make_inputs(model, source, None, None)
    assert made.describe() == {
        "pixel_values": "[1, 3, 16, 16] float32",
        "input_ids": "[1, 4] int64",
    }
    with torch.no_grad():
        assert model(**made.tensors).logits.shape == (1, 4, 1)


def test_a_sample_text(bert_folder: Path) -> None:
    model, source = build(bert_folder)
    assert (
        make_inputs(model, source, None, None).notes[0].startswith("No --text given: the text is")
    )


def test_an_image_for_a_text_model(bert_folder: Path) -> None:
    model, source = build(bert_folder)
    with pytest.raises(CommandError, match=r"BertModel takes no image\. Leave --image out\."):
        make_inputs(model, source, Path("x.png"), None)


def test_a_model_of_other_things() -> None:
    model = torch.nn.Linear(1, 1)
    with pytest.raises(CommandError, match="neither images, text nor speech"):
        make_inputs(model, Source("x", "x", True, True), None, None)


def test_seeds(vit_folder: Path) -> None:
    source = Source.of(str(vit_folder))
    state = torch.get_rng_state()
    one, same, other = (build_random(source, "auto", seed).model for seed in (1, 1, 2))
    assert torch.equal(one.classifier.weight, same.classifier.weight)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
    assert torch.equal(state, torch.get_rng_state())


SPEECHT5 = {
    "model_type": "speecht5",
    "hidden_size": 64,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_layers": 1,
    "decoder_attention_heads": 2,
    "decoder_ffn_dim": 64,
    "conv_dim": [16, 16],
    "conv_stride": [5, 2],
    "conv_kernel": [10, 3],
    "num_feat_extract_layers": 2,
    "num_mel_bins": 20,
    "speaker_embedding_dim": 48,
}


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        (
            "SpeechT5ForTextToSpeech",
            {
                "input_ids": "[1, 44] int64",
                "decoder_input_values": "[1, 1, 20] float32",
                "speaker_embeddings": "[1, 48] float32",
            },
        ),
        (
            "SpeechT5ForSpeechToText",
            {"input_values": "[1, 16000] float32", "decoder_input_ids": "[1, 1] int64"},
        ),
    ],
)
def test_samples_for_models_of_speech(
    tmp_path: Path, architecture: str, expected: dict[str, str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(SPEECHT5 | {"architectures": [architecture]}))
    model, source = build(tmp_path)
    made = make_inputs(model, source, None, None)
    assert made.describe() == expected
    with torch.no_grad():
        model(**made.tensors)


def test_a_spectrogram_for_a_vocoder(tmp_path: Path) -> None:
    from transformers import SpeechT5HifiGanConfig

    config = SpeechT5HifiGanConfig(
        model_in_dim=20,
        upsample_initial_channel=16,
        upsample_rates=[2],
        upsample_kernel_sizes=[4],
        architectures=["SpeechT5HifiGan"],
    )
    config.save_pretrained(tmp_path)
    model, source = build(tmp_path)
    made = make_inputs(model, source, None, None)
    assert made.describe() == {"spectrogram": "[1, 50, 20] float32"}
    with torch.no_grad():
        assert model(**made.tensors).shape == (1, 100)
