"""What a forward gave: its tensors, its classes, and how two forwards compare."""

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import torch

from symbiote_core import pcc, relative_rms

TOP = 5
"""Classes shown, and compared, of a classifier."""


def tensors_of(output: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors in a model's output, with names such as ``hidden_states[0]``.

    Args:
        output: a tensor, a mapping or a sequence of them; what is none of these is left out.
        name: the name of ``output`` itself.
    """
    if isinstance(output, torch.Tensor):
        yield name or "output", output
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from tensors_of(value, f"{name}.{key}" if name else str(key))
    elif isinstance(output, list | tuple):
        for index, value in enumerate(output):
            yield from tensors_of(value, f"{name}[{index}]")


@attrs.frozen
class Label:
    """One class of a classifier's answer.

    Attributes:
        index: the class's number.
        name: its name in the model's configuration.
        probability: by softmax, 0 to 1.
    """

    index: int
    name: str
    probability: float


def top_labels(config: Any, tensors: Mapping[str, torch.Tensor]) -> tuple[Label, ...]:
    """The likeliest classes of the first item, or nothing if the model is no classifier.

    Args:
        config: the model's configuration, for the names.
        tensors: the output; ``logits`` [B, classes] is looked at.
    """
    logits = tensors.get("logits")
    names = getattr(config, "id2label", None) or {}
    if logits is None or logits.ndim != 2 or not 2 <= len(names) == logits.shape[-1]:
        return ()
    best = logits[0].float().softmax(-1).topk(min(TOP, logits.shape[-1]))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return tuple(Label(index, str(names[index]), probability) for index, probability in pairs)


@attrs.frozen
class Comparison:
    """How close one output is to torch's.

    Attributes:
        name: the output's name.
        pcc: Pearson's correlation; it ignores scale.
        relative_rms: RMS of the difference over RMS of torch's output.
        top_overlap: of torch's likeliest five classes, the share that is here too, averaged over
            items and positions; None for what is no logits.
        same_best: the share whose likeliest class is the same; None for what is no logits.
    """

    name: str
    pcc: float
    relative_rms: float
    top_overlap: float | None
    same_best: float | None


def compare(
    expected: Mapping[str, torch.Tensor], actual: Mapping[str, torch.Tensor]
) -> tuple[Comparison, ...]:
    """Compare the floating outputs that both forwards gave.

    Args:
        expected: torch's output.
        actual: the swapped model's output.
    """
    found = []
    for name, want in expected.items():
        have = actual.get(name)
        if have is None or not want.is_floating_point() or have.shape != want.shape:
            continue
        overlap, same = top_overlap(want, have) if name.startswith("logits") else (None, None)
        found.append(Comparison(name, pcc(want, have), relative_rms(want, have), overlap, same))
    return tuple(found)


def top_overlap(expected: torch.Tensor, actual: torch.Tensor) -> tuple[float, float]:
    """How far two classifiers agree on the likeliest classes.

    Args:
        expected: [..., classes].
        actual: of the same shape.

    Returns:
        The share of the likeliest five of ``expected`` that ``actual`` has too, and the share of
        items where the likeliest class is the same.
    """
    count = min(TOP, expected.shape[-1])
    want = expected.flatten(0, -2).topk(count).indices
    have = actual.flatten(0, -2).topk(count).indices
    shared = (want.unsqueeze(-1) == have.unsqueeze(-2)).any(-1).float().mean()
    same = (want[:, 0] == have[:, 0]).float().mean()
    return float(shared), float(same)
