"""Making the record of a refusal of what was raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symbiote_core import FallbackEvent, OperationFailure, TTNNModule
from symbiote_ttnn.check.records import Refusal


def refusal_of_event(event: FallbackEvent) -> Refusal:
    """That of a call which was made with torch tensors.

    Args:
        event: what the core tells of it.
    """
    return Refusal(
        path=event.path,
        kernel=event.kernel,
        plugin=event.plugin,
        stage="forward",
        op=event.op,
        shapes=event.shapes,
        dtypes=event.dtypes,
        reason=event.reason,
        message=event.message,
    )


def refusal_of_failure(
    module: TTNNModule, stage: str, failure: OperationFailure, tensors: Sequence[Any] = ()
) -> Refusal:
    """That of a conversion, or of a call which was made with TTNN tensors.

    Args:
        module: what failed.
        stage: ``convert`` or ``forward``.
        failure: in the runtime's own words.
        tensors: the call's TTNN tensors.
    """
    state = module._symbiote
    return Refusal(
        path=state.path,
        kernel=type(module).__name__,
        plugin=state.plugin,
        stage=stage,
        op=failure.op,
        shapes=tuple(tuple(int(size) for size in tensor.shape) for tensor in tensors),
        dtypes=tuple(str(tensor.dtype).rpartition(".")[2].lower() for tensor in tensors),
        reason=failure.reason,
        message=failure.message,
    )
