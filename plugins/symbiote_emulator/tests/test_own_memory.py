"""Tensors share values only where they share a buffer: a write in place reaches nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from symbiote_conformance import Bench, random_data
from symbiote_conformance.sampling import sample
from symbiote_conformance.strategies import PLAUSIBLE, plausible_calls
from symbiote_emulator.tensor import Tensor

COUNT = 12


def tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)


def share_values(a: Tensor, b: Tensor) -> bool:
    if not (a.is_allocated() and b.is_allocated() and a.value.numel() and b.value.numel()):
        return False
    return a.value.untyped_storage().data_ptr() == b.value.untyped_storage().data_ptr()


@pytest.mark.parametrize("op", sorted(PLAUSIBLE))
def test_results_share_values_only_with_their_buffer(op: str) -> None:
    bench = Bench("emulator", random_data(0))
    for call in sample(plausible_calls(op), COUNT):
        try:
            args, kwargs = bench.build(call)
            result = bench.apply(op, args, kwargs)
        except (RuntimeError, TypeError):  # refusals are for the tests of parity
            continue
        results = list(tensors_in(result))
        for i, tensor in enumerate(results):
            others = [*tensors_in(args), *tensors_in(list(kwargs.values())), *results[:i]]
            for other in others:
                if tensor is not other and share_values(tensor, other):
                    assert tensor._buffer is other._buffer, str(call)
