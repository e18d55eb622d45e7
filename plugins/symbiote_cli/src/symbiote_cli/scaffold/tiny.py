"""Small models of transformers' architectures, for finding out what they are made of."""

from collections.abc import Iterator
from typing import Any

import attrs
import torch

from symbiote_cli.errors import CommandError, first_line

SIZES: dict[str, int] = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "embedding_size"), 64),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_ff", "ffn_dim"), 128),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 128),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 2),
    **dict.fromkeys(("encoder_layers", "decoder_layers", "num_decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("num_key_value_heads",), 2),
    **dict.fromkeys(("head_dim", "d_kv"), 32),
    **dict.fromkeys(("vocab_size", "max_position_embeddings", "n_positions"), 128),
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 0),
    "image_size": 32,
    "patch_size": 8,
}
"""What configurations call their sizes, and what these are set to."""

AUTO_CLASSES = (
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForMaskedLM",
    "AutoModelForSeq2SeqLM",
    "AutoModelForImageClassification",
    "AutoModelForSequenceClassification",
)
"""The kinds of model that are looked at, in this order."""


@attrs.frozen(eq=False)
class TinyModel:
    """A small model with random weights.

    Attributes:
        auto_class: the class of transformers that builds it.
        sizes: the arguments of its configuration.
        model: in eval mode.
    """

    auto_class: str
    sizes: dict[str, Any]
    model: Any


def sizes_of(config: Any) -> dict[str, Any]:
    """Small sizes for a configuration, also for those in it.

    Args:
        config: a configuration of transformers.
    """
    from transformers import PretrainedConfig

    found: dict[str, Any] = {}
    for name, value in sorted(vars(config).items()):
        if isinstance(value, PretrainedConfig):
            found[name] = sizes_of(value)
        elif name in SIZES and type(value) is int:
            found[name] = SIZES[name]
    return {name: value for name, value in found.items() if value != {}}


def tiny_models(model_type: str) -> Iterator[TinyModel]:
    """Small models of an architecture, the bare one first.

    Args:
        model_type: a key of transformers' configurations.

    Raises:
        CommandError: if none can be built.
    """
    import transformers

    sizes = sizes_of(transformers.AutoConfig.for_model(model_type))
    problem = "transformers has no model for it"
    built = False
    for name in AUTO_CLASSES:
        try:
            config = transformers.AutoConfig.for_model(model_type, **sizes)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                model = getattr(transformers, name).from_config(config).eval()
        except Exception as error:  # of the many architectures, some want more than sizes
            problem = problem if built else f"{type(error).__name__}: {first_line(error)}"
            continue
        built = True
        yield TinyModel(name, sizes, model)
    if not built:
        raise CommandError(
            f"No small model of type {model_type!r} can be built ({problem}). Leave --for out and "
            "write the policy yourself."
        )
