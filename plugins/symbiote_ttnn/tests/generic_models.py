"""Small models of architectures that no policy of their own is for, with inputs for each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import torch
import transformers as hf

from symbiote_core import pcc, relative_rms
from symbiote_core.structure import leaves

TOKENS, VOCABULARY = 11, 99

_ENCODER: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 64,
}
_OF_TEXT = ("vocab_size", "max_position_embeddings")
_TOWER = {name: value for name, value in _ENCODER.items() if name not in _OF_TEXT}
_SEQ2SEQ: dict[str, Any] = {
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 128,
    "decoder_ffn_dim": 128,
    "vocab_size": VOCABULARY,
}
_ENDS: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def ids(rows: int = 2, tokens: int = TOKENS) -> torch.Tensor:
    """Seeded token ids [rows, tokens], none of them special."""
    generator = torch.Generator().manual_seed(3)
    return torch.randint(5, VOCABULARY, (rows, tokens), generator=generator)


def seeded(*shape: int) -> torch.Tensor:
    """Seeded values [*shape]."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(4))


def padding(rows: int = 2, tokens: int = TOKENS, left: bool = False) -> torch.Tensor:
    """An attention mask [rows, tokens]; all rows but the first have four tokens of padding."""
    mask = torch.ones(rows, tokens, dtype=torch.long)
    mask[1:, slice(0, 4) if left else slice(tokens - 4, None)] = 0
    return mask


def _text() -> dict[str, torch.Tensor]:
    return {"input_ids": ids(), "attention_mask": padding()}


def _two_texts() -> dict[str, torch.Tensor]:
    return _text() | {"decoder_input_ids": ids()}


def _image() -> dict[str, torch.Tensor]:
    return {"pixel_values": seeded(2, 3, 32, 32)}


@attrs.frozen
class Small:
    """A small model.

    Attributes:
        model_class: a class of transformers.
        config: makes its configuration.
        inputs: makes its inputs.
        generates: whether it generates text.
        rms: the relative RMS error that its outputs may have.
        on_torch: operations between its layers that run on torch.
    """

    model_class: str
    config: Callable[[], Any]
    inputs: Callable[[], dict[str, torch.Tensor]] = _text
    generates: bool = False
    rms: float = 0.03
    on_torch: frozenset[str] = frozenset()


MODELS = {
    "albert": Small("AlbertForMaskedLM", lambda: hf.AlbertConfig(**_ENCODER, embedding_size=32)),
    "bart": Small(
        "BartForConditionalGeneration",
        lambda: hf.BartConfig(
            **_SEQ2SEQ, **_ENDS, max_position_embeddings=64, forced_eos_token_id=None
        ),
        _two_texts,
        generates=True,
    ),
    "bert": Small("BertForMaskedLM", lambda: hf.BertConfig(**_ENCODER)),
    "clip": Small(
        "CLIPModel",
        lambda: hf.CLIPConfig(
            text_config=_ENCODER | _ENDS,
            vision_config=_TOWER | {"image_size": 32, "patch_size": 8},
            projection_dim=64,
        ),
        lambda: _text() | _image(),
        # The logits are cosines of nearly orthogonal vectors, so that most of them cancels out.
        rms=0.06,
        # It divides vectors by their lengths, and takes the states of the last tokens.
        on_torch=frozenset({"aten.pow.Tensor_Scalar", "aten.sum.dim_IntList", "aten.index.Tensor"}),
    ),
    "deberta-v2": Small(
        "DebertaV2ForMaskedLM",
        lambda: hf.DebertaV2Config(**_ENCODER),
        on_torch=frozenset({"aten.masked_fill.Scalar"}),
    ),
    "deit": Small(
        "DeiTForImageClassification",
        lambda: hf.DeiTConfig(**_TOWER, image_size=32, patch_size=8, num_labels=10),
        _image,
    ),
    "distilbert": Small(
        "DistilBertForSequenceClassification",
        lambda: hf.DistilBertConfig(
            dim=64, n_layers=2, n_heads=2, hidden_dim=128, vocab_size=VOCABULARY
        ),
    ),
    "electra": Small("ElectraForMaskedLM", lambda: hf.ElectraConfig(**_ENCODER, embedding_size=32)),
    "gemma": Small(
        "GemmaForCausalLM",
        lambda: hf.GemmaConfig(**_ENCODER, **_ENDS, num_key_value_heads=1, head_dim=32),
        generates=True,
    ),
    "gpt2": Small(
        "GPT2LMHeadModel",
        lambda: hf.GPT2Config(
            n_embd=64, n_layer=2, n_head=2, vocab_size=VOCABULARY, n_positions=64, **_ENDS
        ),
        generates=True,
    ),
    "gpt_neox": Small(
        "GPTNeoXForCausalLM", lambda: hf.GPTNeoXConfig(**_ENCODER, **_ENDS), generates=True
    ),
    "opt": Small(
        "OPTForCausalLM",
        lambda: hf.OPTConfig(
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            ffn_dim=128,
            vocab_size=VOCABULARY,
            max_position_embeddings=64,
            word_embed_proj_dim=64,
            **_ENDS,
        ),
        generates=True,
    ),
    "roberta": Small("RobertaForTokenClassification", lambda: hf.RobertaConfig(**_ENCODER)),
    "swin": Small(
        "SwinModel",
        lambda: hf.SwinConfig(
            embed_dim=32, depths=[1, 1], num_heads=[2, 2], image_size=32, window_size=4
        ),
        _image,
        # It moves windows over the image.
        on_torch=frozenset({"aten.constant_pad_nd.default", "aten.mean.dim"}),
    ),
    "t5": Small(
        "T5ForConditionalGeneration",
        lambda: hf.T5Config(
            d_model=64,
            d_kv=32,
            d_ff=128,
            num_layers=2,
            num_heads=2,
            vocab_size=VOCABULARY,
            decoder_start_token_id=0,
        ),
        _two_texts,
        generates=True,
        # T5 does not scale its scores, so that a softmax makes more of each rounding.
        rms=0.05,
    ),
    "t5, gated": Small(
        "T5ForConditionalGeneration",
        lambda: hf.T5Config(
            d_model=64,
            d_kv=16,
            d_ff=128,
            num_layers=2,
            num_heads=4,
            vocab_size=VOCABULARY,
            decoder_start_token_id=0,
            feed_forward_proj="gated-gelu",
        ),
        _two_texts,
        generates=True,
        rms=0.05,
    ),
    "whisper": Small(
        "WhisperForConditionalGeneration",
        lambda: hf.WhisperConfig(
            **_SEQ2SEQ,
            **_ENDS,
            num_mel_bins=16,
            max_source_positions=32,
            max_target_positions=32,
            decoder_start_token_id=3,
            suppress_tokens=[],
            begin_suppress_tokens=[],
        ),
        lambda: {"input_features": seeded(2, 16, 64), "decoder_input_ids": ids()},
        generates=True,
    ),
    "xlm-roberta": Small(
        "XLMRobertaForSequenceClassification", lambda: hf.XLMRobertaConfig(**_ENCODER)
    ),
}


def build(name: str, **changes: Any) -> Any:
    """A model in eval mode; the same weights every time, none of them as transformers starts them.

    Args:
        name: a key of `MODELS`.
        **changes: attributes of the configuration to set.
    """
    small = MODELS[name]
    config = small.config()
    for key, value in changes.items():
        setattr(config, key, value)
    torch.manual_seed(0)
    with warnings.catch_warnings():  # DeBERTa of transformers 4.57 scripts functions on import
        warnings.filterwarnings("ignore", ".torch.jit.script. is deprecated", DeprecationWarning)
        model = getattr(hf, small.model_class)(config).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:  # rows of length about 1, whatever a row is
                parameter.copy_(drawn * parameter[0].numel() ** -0.5)
            elif parameter.ndim == 1 and (parameter == parameter[0]).all():
                parameter += drawn * 0.1
    return model


def outputs(model: Any, inputs: dict[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """The floating-point tensors of a forward, by name; what stands for padding is cut off."""
    for key, value in model(**inputs).items():
        for index, leaf in enumerate(leaves(value)):
            if isinstance(leaf, torch.Tensor) and leaf.is_floating_point():
                of_tokens = leaf.ndim == 3 and leaf.shape[1] == TOKENS
                yield f"{key}.{index}", leaf[:, : TOKENS - 4] if of_tokens else leaf


def assert_near(expected: torch.Tensor, actual: torch.Tensor, rms: float) -> None:
    """Shape and dtype equal, correlation and scale kept."""
    assert type(actual) is torch.Tensor
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert expected.numel() < 3 or pcc(expected, actual) > 0.998
    assert relative_rms(expected, actual) < rms
