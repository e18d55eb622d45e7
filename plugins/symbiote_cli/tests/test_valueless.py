"""Models whose large weights nobody writes to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from symbiote_cli.loading import Source, build_random, build_valueless
from symbiote_cli.valueless import LARGE

LARGE_LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 4096,
    "pad_token_id": 0,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}
LARGE_VIT = {
    "architectures": ["ViTForImageClassification"],
    "model_type": "vit",
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "image_size": 32,
    "patch_size": 16,
}
LARGE_GPT2 = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "vocab_size": 4096,
    "n_embd": 512,
    "n_layer": 1,
    "n_head": 2,
}


@pytest.fixture
def marked_memory() -> Iterator[None]:
    """Memory that torch hands out holds NaN, so that whoever writes to it shows."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def source(folder: Path, config: dict[str, Any]) -> Source:
    (folder / "config.json").write_text(json.dumps(config))
    return Source.of(str(folder / "config.json"))


@pytest.mark.usefixtures("marked_memory")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "config", [LARGE_LLAMA, LARGE_VIT, LARGE_GPT2], ids=lambda c: c["model_type"]
)
def test_nobody_writes_to_large_weights(tmp_path: Path, config: Any, dtype: str) -> None:
    loaded = build_valueless(source(tmp_path, config), dtype, 0)
    named = dict(loaded.model.named_parameters())
    large = {name for name, p in named.items() if p.numel() * p.element_size() >= LARGE}
    assert len(large) >= 2
    for name, weight in named.items():
        assert str(weight.dtype) == f"torch.{dtype}"
        assert bool(weight.isnan().all() if name in large else weight.isfinite().all()), name
    assert not loaded.model.training
    assert any("Weights of 1 MiB and more have no values" in note for note in loaded.notes)


def test_the_rest_is_as_it_would_be(tmp_path: Path) -> None:
    asked = source(tmp_path, LARGE_LLAMA)
    got = build_valueless(asked, "bfloat16", 0).model
    want = build_random(asked, "float32", 0).model
    assert got.lm_head.weight is got.model.embed_tokens.weight
    for name, buffer in want.named_buffers():
        assert torch.equal(got.get_buffer(name), buffer), name  # float32, as in a loaded model
    norm = got.model.norm.weight
    assert torch.equal(norm, torch.ones_like(norm))
    assert torch.get_default_dtype() == torch.float32


def test_small_models_are_random(llama_folder: Path) -> None:
    asked = Source.of(str(llama_folder))
    got, want = build_valueless(asked, "float32", 3), build_random(asked, "float32", 3)
    assert got.notes == want.notes == ("The weights are random (seed 3).",)
    for name, weight in want.model.state_dict().items():
        assert torch.equal(got.model.state_dict()[name], weight), name
