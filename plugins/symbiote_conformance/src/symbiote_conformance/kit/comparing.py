"""Comparing outputs: their structure, dtypes, shapes and values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from symbiote_conformance.closeness import Closeness, measure
from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_core.structure import leaves


def pairs(
    title: str, golden: Any, actual: Any, call: TorchCall, everything: bool = True
) -> Iterator[tuple[int, str, torch.Tensor, torch.Tensor]]:
    """The tensors of two outputs, one by one, with index and name.

    Args:
        title: what is judged.
        golden: torch's output.
        actual: the swapped module's.
        call: what was called.
        everything: whether nothing that torch returns may be None.

    Raises:
        ConformanceError: if structure, shapes or dtypes differ.
    """
    wanted, got = list(leaves((golden,))), list(leaves((actual,)))
    if len(wanted) != len(got):
        raise ConformanceError(
            title, f"it returns {len(got)} values, and torch {len(wanted)}", call
        )
    for index, (want, have) in enumerate(zip(wanted, got, strict=True)):
        name = "the output" if len(wanted) == 1 else f"output {index}"
        if not isinstance(want, torch.Tensor):
            continue
        if have is None and not everything:
            continue
        if not isinstance(have, torch.Tensor):
            raise ConformanceError(
                title, f"{name} is {type(have).__name__}, and torch's is a tensor", call
            )
        for attribute in ("shape", "dtype"):
            mine, torchs = getattr(have, attribute), getattr(want, attribute)
            if mine != torchs:
                raise ConformanceError(
                    title, f"the {attribute} of {name} is {mine}, and torch's is {torchs}", call
                )
        yield index, name, want, have


def require_close(
    title: str,
    golden: Any,
    actual: Any,
    bound: Closeness,
    call: TorchCall,
    everything: bool = True,
    when: str = "",
    ease: Callable[[Closeness, int], Closeness] | None = None,
) -> None:
    """Every tensor is close to torch's.

    Args:
        title: what is judged.
        golden: torch's output.
        actual: the swapped module's.
        bound: how close it has to be.
        call: what was called.
        everything: whether nothing that torch returns may be None.
        when: in what situation, for the message.
        ease: makes a bound wider, where it has to be, for the output of an index.

    Raises:
        ConformanceError: if one is not.
    """
    for index, name, want, have in pairs(title, golden, actual, call, everything):
        if not want.is_floating_point():
            if not torch.equal(want, have):
                raise ConformanceError(title, f"{name} differs from torch's{when}", call)
            continue
        measured = measure(want, have)
        if measured.within(bound):
            continue
        allowed = bound if ease is None else ease(bound, index)
        if not measured.within(allowed):
            raise ConformanceError(
                title, f"{name} is not torch's{when}: {measured} (allowed: {allowed})", call
            )


def require_equal(title: str, golden: Any, actual: Any, call: TorchCall, when: str) -> None:
    """Raise `ConformanceError` unless every tensor is bit for bit the same, NaNs included."""
    for _, name, want, have in pairs(title, golden, actual, call):
        if not torch.equal(want.nan_to_num(), have.nan_to_num()):
            raise ConformanceError(
                title,
                f"{name} is not torch's very answer{when}: {measure(want, have)}",
                call,
            )
