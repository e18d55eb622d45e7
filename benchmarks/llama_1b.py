"""The geometry of Llama-3.2-1B."""

from __future__ import annotations

from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

GEOMETRY: dict[str, Any] = {
    "vocab_size": 128256,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}


def llama_1b(seed: int | None = 0, **changes: Any) -> Any:
    """A model of that geometry, 1.2 G parameters.

    Args:
        seed: of the weights; None leaves them without values, where only host time counts.
        changes: of the configuration.
    """
    config = LlamaConfig(**(GEOMETRY | changes))
    if seed is not None:
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    model.to_empty(device="cpu")
    model.tie_weights()
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    return model.eval()
