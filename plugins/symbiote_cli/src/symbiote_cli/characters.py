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
    "CLEAR_MARGIN",
    "CONTEXT",
    "PROMPTS",
    "UnknownCharactersError",
    "cut",
    "decode",
    "encode",
    "held_out_text",
    "load_vocabulary",
    "model_path",
    "perplexity",
]

CONTEXT = 256
"""Characters that the model was trained to look back on."""

CLEAR_MARGIN = 0.03
"""By how much, at least, float32's choice leads after `PROMPTS`, in the units of logits.

It is about twice the error that bfloat16 makes in such a difference (standard deviation 0.013).
"""

PROMPTS = (
    'The "for" statement is used to',
    'The "with" statement is used to wrap',
    "If the object is",
    "An exception is raised when",
    "If the first argument is",
    "When a module is imported",
    "The optional argument",
    "This method should return",
    'The "import" statement',
    "In this case, the",
)
"""What the demo continues: beginnings of sentences in the style of the text.

They are those of thirty such beginnings after which float32 itself has clear choices: the likeliest
character leads by `CLEAR_MARGIN` at each of 64 steps. Of prompts taken as they come, bfloat16 tips
a close call within 64 characters in about one of six.
"""


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
