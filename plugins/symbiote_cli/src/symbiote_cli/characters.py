"""The character-level Llama of the demo: its vocabulary, its held-out text, where it lies.

The training script, the demo and the tests all take these from here, so that the model is always
judged in the same way, and never on text that it was trained on.
"""

import functools
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

__all__ = [
    "COMPARED",
    "CONTEXT",
    "MIN_PARAGRAPH_WORDS",
    "PROMPT_WORDS",
    "UnknownCharactersError",
    "continuation",
    "cut",
    "decode",
    "encode",
    "held_out_prompts",
    "held_out_text",
    "load_vocabulary",
    "model_path",
    "perplexity",
]

CONTEXT = 256
"""Characters that the model was trained to look back on."""

COMPARED = 64
"""Characters of a continuation that are compared."""

PROMPT_WORDS = 5
"""Words of a paragraph that are a prompt."""

MIN_PARAGRAPH_WORDS = 12
"""Words of a paragraph, at least, that a prompt is taken from: it goes on for long enough."""


class UnknownCharactersError(ValueError):
    """A text holds characters that the vocabulary lacks.

    Attributes:
        characters: each of them once, sorted.
    """

    def __init__(self, characters: Iterable[str]) -> None:
        """Build the message.

        Args:
            characters: what the vocabulary lacks.
        """
        self.characters = "".join(sorted(set(characters)))
        super().__init__(
            f"The model does not know the characters {self.characters!r}. It reads printable "
            "ASCII, line breaks, and what else occurs in Python's reference."
        )


def model_path() -> Path:
    """Give the folder of the shipped Llama, for `LlamaForCausalLM.from_pretrained`.

    Returns:
        An existing folder with `config.json`, `model.safetensors`, `vocabulary.json` and
        `held-out.txt`.

    Raises:
        FileNotFoundError: the package was installed without its data.
    """
    folder = Path(__file__).resolve().parent / "data" / "character-llama"
    if not (folder / "model.safetensors").is_file():
        raise FileNotFoundError(
            f"The character model is missing: there is no {folder / 'model.safetensors'}. "
            "Reinstall symbiote-cli, or train the model anew with tools/train_character_llama.py."
        )
    return folder


@functools.cache
def load_vocabulary() -> str:
    """The characters that the model knows; the place of each is its token."""
    found = json.loads((model_path() / "vocabulary.json").read_text(encoding="utf-8"))
    return "".join(found)


def held_out_text() -> str:
    """Text of the kind that the model was trained on, and that took no part in training."""
    return (model_path() / "held-out.txt").read_text(encoding="utf-8")


def held_out_prompts(text: str) -> tuple[str, ...]:
    """What models are compared on: the beginning of every paragraph of prose in a text.

    A rule, so that no prompt is chosen by what a model makes of it: the first `PROMPT_WORDS` words
    of each paragraph that starts with a capital letter (grammar, code and lists do not) and has at
    least `MIN_PARAGRAPH_WORDS` words, in the text's order, and each only once.

    Args:
        text: paragraphs with an empty line between them, such as `held_out_text`.
    """
    beginnings = (
        " ".join(words[:PROMPT_WORDS])
        for paragraph in text.split("\n\n")
        if len(words := paragraph.split()) >= MIN_PARAGRAPH_WORDS and paragraph[0].isupper()
    )
    return tuple(dict.fromkeys(beginnings))


def encode(text: str, vocabulary: str) -> torch.Tensor:
    """Give the tokens of a text.

    Args:
        text: any text.
        vocabulary: the known characters.

    Returns:
        int64 [len(text)].

    Raises:
        UnknownCharactersError: the text has others.
    """
    tokens = {character: token for token, character in enumerate(vocabulary)}
    if unknown := set(text) - tokens.keys():
        raise UnknownCharactersError(unknown)
    return torch.tensor([tokens[character] for character in text], dtype=torch.int64)


def decode(tokens: torch.Tensor, vocabulary: str) -> str:
    """Give the text of tokens.

    Args:
        tokens: integers, any shape; read row by row.
        vocabulary: the known characters.
    """
    return "".join(vocabulary[token] for token in tokens.flatten().tolist())


def cut(tokens: torch.Tensor, length: int = CONTEXT) -> torch.Tensor:
    """Cut a text into windows that can be read at once; what is left over at its end goes.

    Args:
        tokens: int64 [N].
        length: tokens in a window.

    Returns:
        int64 [N // length, length].
    """
    count = len(tokens) // length
    return tokens[: count * length].view(count, length)


def continuation(
    model: Any, prompt: torch.Tensor, length: int = COMPARED, streamer: Any = None
) -> torch.Tensor:
    """Go on with a text, always by the likeliest character.

    Args:
        model: a causal language model in evaluation mode, whose `generate` is transformers' own.
        prompt: int64 [B, S]; each row is a text of its own.
        length: how many characters.
        streamer: a `BaseStreamer` of transformers, which takes the tokens as they come.

    Returns:
        int64 [B, length], without the prompts.
    """
    tokens: torch.Tensor = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=False,
        max_new_tokens=length,
        streamer=streamer,
    )
    return tokens[:, prompt.shape[1] :]


@torch.no_grad()
def perplexity(model: Any, batches: Iterable[torch.Tensor]) -> float:
    """How well a model foretells text: 1 is perfect, the size of the vocabulary is chance.

    Args:
        model: a causal language model in evaluation mode.
        batches: windows of text, int64 [B, S]. The first token of each window is given.

    Returns:
        The exponential of the mean negative log likelihood of a token, in nats.
    """
    total, count = 0.0, 0
    for windows in batches:
        logits = model(windows, use_cache=False).logits[:, :-1].float()
        wanted = windows[:, 1:].flatten()
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted, reduction="sum")
        total, count = total + float(loss), count + wanted.numel()
    return math.exp(total / count)
