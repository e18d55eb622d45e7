"""Small models of transformers, from the configuration of a model type."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs
import torch
from torch import nn

from symbiote_conformance.kit.inputs import Takes, takes
from symbiote_conformance.kit.preparing import prepared

VOCABULARY: Final = 100

SIZES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "embedding_size"), 64),
    **dict.fromkeys(("projection_dim", "pooler_output_size", "word_embed_proj_dim"), 64),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_ff", "ffn_dim"), 128),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 128),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 2),
    **dict.fromkeys(("encoder_layers", "decoder_layers", "num_decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("head_dim", "d_kv"), 32),
    "num_key_value_heads": 1,
    "vocab_size": VOCABULARY,
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_target_positions"), 160),
    "max_source_positions": 48,
    "num_mel_bins": 16,
    "image_size": 32,
    **dict.fromkeys(("patch_size", "encoder_stride"), 8),
    "pad_token_id": 0,
    **dict.fromkeys(("bos_token_id", "decoder_start_token_id"), 1),
    "eos_token_id": 2,
    # The usual 0.02 makes a small model nearly constant.
    **dict.fromkeys(("initializer_range", "init_std"), 0.15),
}
"""What the sizes in configurations are set to: two layers, heads of 32, images of 16 patches."""


@attrs.frozen(eq=False)
class TinyModel:
    """A class of models, small.

    Attributes:
        cls: the model class.
        model: one of them, in eval mode; not to be changed.
        inputs: the keyword arguments of its ``forward``.
    """

    cls: type[nn.Module]
    model: nn.Module
    inputs: Mapping[str, Takes]

    @property
    def has_lengths(self) -> bool:
        """Whether its inputs vary in more than the batch."""
        return any(dim == "S" for given in self.inputs.values() for dim in given.dims)


def models_of_type(model_type: str) -> Iterator[TinyModel]:
    """The models of a model type: the bare one first.

    Raises:
        KeyError: if transformers has no such model type.
    """
    config = _config_class(model_type)
    yield from _models_of_config(config)


def models_of_module(module: str) -> Iterator[TinyModel]:
    """The models in a module such as ``transformers.models.vit.modeling_vit``."""
    seen = set()
    for cls in _model_classes(module):
        if cls.config_class not in seen:
            seen.add(cls.config_class)
            yield from _models_of_config(cls.config_class)


def _models_of_config(config: Any) -> Iterator[TinyModel]:
    module = config.__module__.replace(".configuration_", ".modeling_")
    for cls in _model_classes(module):
        if cls.config_class is config:
            made = _tiny(cls)
            if made is not None:
                yield made


def _config_class(model_type: str) -> Any:
    from transformers import CONFIG_MAPPING

    if model_type in CONFIG_MAPPING:
        return CONFIG_MAPPING[model_type]
    # The parts of a model have types of their own, which transformers lists nowhere.
    for name in CONFIG_MAPPING:
        if not model_type.startswith(f"{name}_"):
            continue
        module = importlib.import_module(CONFIG_MAPPING[name].__module__)
        for found in vars(module).values():
            if isinstance(found, type) and getattr(found, "model_type", None) == model_type:
                return found
    raise KeyError(model_type)


def _model_classes(module: str) -> list[Any]:
    """The model classes in a modeling module; the bare ones, named ``...Model``, first."""
    from transformers import PreTrainedModel

    found: list[Any] = [
        cls
        for cls in vars(importlib.import_module(module)).values()
        if isinstance(cls, type)
        and issubclass(cls, PreTrainedModel)
        and cls.__module__ == module
        and not cls.__name__.endswith("PreTrainedModel")
    ]
    found = [cls for cls in found if cls.config_class is not None]
    return sorted(found, key=lambda cls: not cls.__name__.endswith("Model"))


def tiny_config(cls: Any) -> Any:
    """A configuration of a class with small sizes, also in the configurations in it."""
    return cls(**_sizes(cls()))


def _sizes(config: Any) -> dict[str, Any]:
    from transformers import PretrainedConfig

    known = config.to_dict()
    sizes = {name: value for name, value in SIZES.items() if name in known}
    for name, value in vars(config).items():
        if isinstance(value, PretrainedConfig):
            sizes[name] = _sizes(value)
    return sizes


@functools.cache
def _tiny(cls: Any) -> TinyModel | None:
    """A small model of a class; None if it can't be made, or it is not known what it takes."""
    try:
        model = prepared(lambda: cls(tiny_config(cls.config_class)))
        inputs = _inputs(model)
        _run(model, inputs)
    except Exception:  # of the many classes there are, some want more than a configuration
        return None
    return TinyModel(cls, model, inputs) if inputs else None


def _run(model: nn.Module, inputs: Mapping[str, Takes]) -> None:
    """Run a model, which shows whether it takes what it is thought to take."""
    sizes = {"B": 2, "S": 5}
    given = {name: taken.described(sizes, "normal", 0).tensor() for name, taken in inputs.items()}
    with torch.no_grad():
        model(**given)


def _inputs(model: Any) -> dict[str, Takes]:
    """What a model's ``forward`` takes, of what is known."""
    config = model.config
    named = inspect.signature(type(model).forward).parameters
    vision = getattr(config, "vision_config", config)
    found = {}
    if "input_ids" in named:
        found["input_ids"] = takes("B", "S", below=VOCABULARY)
    if "decoder_input_ids" in named:
        found["decoder_input_ids"] = takes("B", "S", below=VOCABULARY)
    if "pixel_values" in named:
        size = vision.image_size
        height, width = size if isinstance(size, (tuple, list)) else (size, size)
        found["pixel_values"] = takes("B", getattr(vision, "num_channels", 3), height, width)
    if "input_features" in named and hasattr(config, "num_mel_bins"):
        found["input_features"] = takes("B", config.num_mel_bins, 2 * config.max_source_positions)
    return found
