"""What a check runs: one forward, or a prefill and a decode step of a model that generates."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from symbiote_ttnn.check import Forward


def workload_of(model: Any, inputs: Mapping[str, torch.Tensor]) -> "tuple[Forward, ...]":
    """The forwards that show what a model does in use.

    Args:
        model: a Hugging Face model.
        inputs: arguments of a forward.
    """
    from symbiote_ttnn.check import Forward

    generation: Generation | EncoderDecoderGeneration
    if not generates(model):
        return (Forward("forward", lambda model: model(**inputs)),)
    if model.config.is_encoder_decoder and _decoder_input(inputs):
        generation = EncoderDecoderGeneration(inputs)
    elif not model.config.is_encoder_decoder and "input_ids" in inputs:
        generation = Generation(inputs)
    else:
        return (Forward("forward", lambda model: model(**inputs)),)
    return Forward("prefill", generation.prefill), Forward("decode", generation.decode)


def generates(model: Any) -> bool:
    """Whether a model goes on, step by step, behind a cache that it is passed.

    Args:
        model: a Hugging Face model.
    """
    return bool(
        model.can_generate() and "past_key_values" in inspect.signature(model.forward).parameters
    )


def _decoder_input(inputs: Mapping[str, torch.Tensor]) -> str | None:
    """The name of what the decoder of an encoder-decoder model goes on with."""
    names = ("decoder_input_ids", "decoder_input_values")
    return next((name for name in names if name in inputs), None)


class EncoderDecoderGeneration:
    """The two kinds of forward in the generation of an encoder-decoder model.

    Args:
        inputs: what the encoder takes, what the decoder begins with, and what else there is.
    """

    def __init__(self, inputs: Mapping[str, torch.Tensor]) -> None:
        self._inputs = dict(inputs)
        self._cache: Any = None
        self._encoded: Any = None

    def prefill(self, model: Any) -> Any:
        """Encode, and run the decoder's first step into a new cache.

        Args:
            model: a Hugging Face model.
        """
        self._cache = self._encoded = None  # freed before another is filled
        out = model(**self._inputs, use_cache=True)
        self._cache, self._encoded = out.past_key_values, out.encoder_last_hidden_state
        return out

    def decode(self, model: Any) -> Any:
        """Run one more step of the decoder behind the cache of the latest prefill.

        Args:
            model: a Hugging Face model.

        Raises:
            RuntimeError: if the latest prefill failed, or there was none.
        """
        from transformers.modeling_outputs import BaseModelOutput

        if self._cache is None:
            raise RuntimeError("no prefill reached its end, so there is nothing to go on with")
        more = {key: value for key, value in self._inputs.items() if key != model.main_input_name}
        name = _decoder_input(more)
        assert name is not None
        more[name] = more[name][:, -1:]
        encoded = BaseModelOutput(last_hidden_state=self._encoded)
        return model(**more, encoder_outputs=encoded, past_key_values=self._cache, use_cache=True)


class Generation:
    """The two kinds of forward in a text's generation, and the cache between them.

    Args:
        inputs: a prompt: ``input_ids`` [B, S], and what else the model takes.
    """

    def __init__(self, inputs: Mapping[str, torch.Tensor]) -> None:
        self._inputs = dict(inputs)
        self._cache: Any = None

    def prefill(self, model: Any) -> Any:
        """Run the prompt into a new cache; what comes out is of the last token, as it is needed.

        Args:
            model: a Hugging Face model.
        """
        from transformers import DynamicCache

        self._cache = None  # freed before another is filled
        cache = DynamicCache(config=model.config)
        out = self._run(model, cache, **self._inputs)
        self._cache = cache
        return out

    def decode(self, model: Any) -> Any:
        """Run one more token of each row behind what the cache of the latest prefill holds.

        The prompt's last token is taken: a mock chip computes none to go on with.

        Args:
            model: a Hugging Face model.

        Raises:
            RuntimeError: if the latest prefill failed, or there was none.
        """
        if self._cache is None:
            raise RuntimeError("no prefill reached its end, so there is nothing to go on with")
        more = {"input_ids": self._inputs["input_ids"][:, -1:]}
        mask = self._inputs.get("attention_mask")
        if mask is not None:
            columns = self._cache.get_seq_length() + 1
            new = mask.new_ones(len(mask), max(columns - mask.shape[1], 0))
            more["attention_mask"] = torch.cat([mask, new], dim=1)[:, :columns]
        return self._run(model, self._cache, **more)

    @staticmethod
    def _run(model: Any, cache: Any, **inputs: torch.Tensor) -> Any:
        last: dict[str, Any] = {}
        if "logits_to_keep" in inspect.signature(model.forward).parameters:
            last["logits_to_keep"] = 1
        return model(**inputs, **last, past_key_values=cache, use_cache=True)
