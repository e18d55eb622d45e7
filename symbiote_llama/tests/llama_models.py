"""Small language models with seeded weights, and how their outputs are compared."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from symbiote_core import pcc, relative_rms

CLASSES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "mistral": (MistralConfig, MistralForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
}


def build(kind: str = "llama", **changes: Any) -> Any:
    """A model of two layers, four heads of 32 and two key/value heads; the same every time."""
    values: dict[str, Any] = {
        "vocab_size": 96,
        "hidden_size": 128,
        "intermediate_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.1,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    rope = changes.get("rope_parameters")
    if rope is not None and transformers.__version__.startswith("4."):
        scaling = {key: value for key, value in rope.items() if key != "rope_theta"}
        del changes["rope_parameters"]
        changes |= {"rope_scaling": scaling, "rope_theta": rope["rope_theta"]}
    config, model_class = CLASSES[kind]
    torch.manual_seed(0)
    model = model_class(config(**(values | changes))).eval()
    # transformers starts biases at zero and norms at one, which would hide mistakes.
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any() or (parameter == 1).all():
                parameter += torch.randn_like(parameter) * 0.1
    model.generation_config.eos_token_id = None  # it never stops by itself
    return model


def prompt(batch: int = 1, length: int = 10, seed: int = 0) -> torch.Tensor:
    """Seeded ids [batch, length], no special ones."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, 96, (batch, length), generator=generator)


def left_padded(lengths: list[int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids of sequences of these lengths, padded on the left, and their mask."""
    ids = prompt(len(lengths), max(lengths), seed)
    columns = torch.arange(max(lengths))
    mask = columns >= max(lengths) - torch.tensor(lengths).unsqueeze(1)
    return ids.masked_fill(~mask, 0), mask.long()


def assert_close(expected: torch.Tensor, actual: torch.Tensor, rms: float = 0.03) -> None:
    """Shape and dtype equal, correlation and scale kept."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert pcc(expected, actual) > 0.999
    assert relative_rms(expected, actual) < rms


def steps_of(model: Any, ids: torch.Tensor, sizes: list[int], cache: Any) -> torch.Tensor:
    """Logits [B, S, V] of ids that are passed in pieces of these sizes, behind each other."""
    pieces, start = [], 0
    for size in sizes:
        out = model(ids[:, start : start + size], past_key_values=cache, use_cache=True)
        pieces.append(out.logits)
        start += size
    return torch.cat(pieces, dim=1)
