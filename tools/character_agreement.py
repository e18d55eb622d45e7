"""How the demo's Llama does on held-out text, on torch in float32 and swapped on the emulator."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from character_corpus import Corpus
from transformers import LlamaForCausalLM

from symbiote_cli.characters import continuation, cut, encode, held_out_prompts, perplexity
from symbiote_core import accelerate, restore

WINDOWS = 8
"""Windows of held-out text in a forward."""


@dataclass(frozen=True)
class Agreement:
    """What torch in float32 and the swapped model make of held-out text."""

    perplexity: float
    """Of a held-out character, on torch."""
    change: float
    """Of the perplexity as a share of torch's, swapped with weights in bfloat16."""
    change_bfloat8_b: float
    """The same with weights in bfloat8_b."""
    continued: int
    """Prompts that were continued: the first that `held_out_prompts` finds."""
    agreed: int
    """Those that torch and the swapped model, with weights in bfloat16, continued alike."""

    @property
    def share(self) -> float:
        """Share of the prompts that agreed, 0 to 1."""
        return self.agreed / self.continued


@torch.no_grad()
def agreement(model: LlamaForCausalLM, corpus: Corpus, count: int | None = None) -> Agreement:
    """Compare a model with itself, swapped.

    Args:
        model: in evaluation mode, float32; it stays as it is.
        corpus: for the held-out text and the vocabulary.
        count: of prompts; by default all that there are.

    Returns:
        The figures.
    """
    tokens = encode(corpus.held_out, corpus.vocabulary)
    batches = torch.split(cut(tokens), WINDOWS)
    prompts = [
        encode(prompt, corpus.vocabulary).unsqueeze(0)
        for prompt in held_out_prompts(corpus.held_out)[:count]
    ]
    written = [continuation(model, prompt) for prompt in prompts]
    found = perplexity(model, batches)
    with _swapped(model, "bfloat8_b"):
        change_bfloat8_b = perplexity(model, batches) / found - 1
    with _swapped(model, "bfloat16"):
        change = perplexity(model, batches) / found - 1
        agreed = sum(
            torch.equal(continuation(model, prompt), before)
            for prompt, before in zip(prompts, written, strict=True)
        )
    return Agreement(found, change, change_bfloat8_b, len(prompts), agreed)


@contextmanager
def _swapped(model: LlamaForCausalLM, weights: str) -> Iterator[None]:
    """Swap a model on the emulator for the time of the block."""
    accelerate(model, device="emulator", model_config={"weights": weights})
    try:
        yield
    finally:
        restore(model)
