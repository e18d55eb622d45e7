"""The text of the demo's Llama: Python's language reference, split into training and held-out."""

import string
from dataclasses import dataclass
from pydoc_data.topics import topics

import torch

from symbiote_cli.characters import CONTEXT

HELD_OUT_TOPICS = ("assignment", "import", "raise", "try")


@dataclass(frozen=True)
class Corpus:
    """Python's language reference, split by topic."""

    training: str
    held_out: str
    vocabulary: str
    """Its characters, and all of printable ASCII."""


def read_corpus() -> Corpus:
    """Read the topics and split them.

    A paragraph that several topics share is read once, and not at all if a held-out one has it.

    Returns:
        Both texts and their vocabulary.
    """
    held_out = "\n\n".join(topics[name].strip() for name in HELD_OUT_TOPICS)
    seen = set(held_out.split("\n\n"))
    training = []
    for name in sorted(topics.keys() - set(HELD_OUT_TOPICS)):
        for paragraph in topics[name].strip().split("\n\n"):
            if paragraph not in seen:
                seen.add(paragraph)
                training.append(paragraph)
    text = "\n\n".join(training)
    ascii_characters = string.ascii_letters + string.digits + string.punctuation + " \n"
    return Corpus(text, held_out, "".join(sorted({*ascii_characters, *text, *held_out})))


def windows(
    tokens: torch.Tensor, count: int, generator: torch.Generator, length: int = CONTEXT + 1
) -> torch.Tensor:
    """Take parts of a text at random places.

    Args:
        tokens: int64 [N].
        count: how many.
        generator: where the random numbers come from.
        length: of each.

    Returns:
        int64 [count, length].
    """
    starts = torch.randint(len(tokens) - length + 1, (count, 1), generator=generator)
    return tokens[starts + torch.arange(length)]
