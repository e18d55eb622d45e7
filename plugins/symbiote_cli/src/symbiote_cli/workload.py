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

    if not generates(model) or "input_ids" not in inputs:
        return (Forward("forward", lambda model: model(**inputs)),)
    generation = Generation(inputs)
    return Forward("prefill", generation.prefill), Forward("decode", generation.decode)


def generates(model: Any) -> bool:
    """Whether a model goes on with a text, token by token, behind a cache that it is passed.

    Args:
        model: a Hugging Face model.
    """
    return bool(
        model.can_generate()
        and not model.config.is_encoder_decoder
        and "past_key_values" in inspect.signature(model.forward).parameters
    )


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
