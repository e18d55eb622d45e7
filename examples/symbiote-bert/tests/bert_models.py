"""BERT models with seeded weights, their inputs, and how their outputs are compared."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)

from symbiote_core import pcc, relative_rms

KINDS: dict[str, Any] = {
    "model": BertModel,
    "masked": BertForMaskedLM,
    "classifier": BertForSequenceClassification,
    "tokens": BertForTokenClassification,
    "answers": BertForQuestionAnswering,
}

SMALL: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": 64,
}


def seeded(model: nn.Module) -> nn.Module:
    """The model in eval mode; biases and norms are not the zeros and ones they start as."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        noise = 0.02 * torch.randn(parameter.shape, generator=generator)
        plain = parameter.ndim > 1 or "bias" in name
        parameter.data = noise if plain else 1 + noise
    return model.eval()


def build(kind: str = "model", attention: str = "sdpa", **changes: Any) -> Any:
    """A model of two layers and heads of 32; the same weights every time."""
    config = BertConfig(attn_implementation=attention, **(SMALL | changes))
    return seeded(KINDS[kind](config))


def inputs(lengths: tuple[int, ...] = (20, 12, 5), vocabulary: int = 100) -> dict[str, Any]:
    """Seeded ids [B, S] of sentences of these lengths, padding behind them masked."""
    generator = torch.Generator().manual_seed(1)
    size = (len(lengths), max(lengths))
    ids = torch.randint(1, vocabulary, size, generator=generator)
    types = torch.randint(0, 2, size, generator=generator)
    seen = torch.arange(size[1]) < torch.tensor(lengths).unsqueeze(1)
    return {"input_ids": ids * seen, "token_type_ids": types, "attention_mask": seen.long()}


def assert_close(expected: torch.Tensor, actual: torch.Tensor, rms: float = 0.03) -> None:
    """Plain tensors of the same shape and dtype; correlation and scale kept."""
    assert type(actual) is torch.Tensor
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert relative_rms(expected, actual) < rms
    assert pcc(expected, actual) > 0.999


def assert_all_close(expected: Any, actual: Any, rms: float = 0.03) -> None:
    """Two outputs have the same tensors, close."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        values = value if isinstance(value, tuple) else (value,)
        found = actual[name] if isinstance(value, tuple) else (actual[name],)
        for want, got in zip(values, found, strict=True):
            assert_close(want, got, rms)
