"""Freed tensors, where TTNN does not look."""

from __future__ import annotations

from typing import Any


def living(tensor: Any, op: str) -> Any:
    """``tensor`` if it has its memory.

    For norms, unary operations, clones, downloads and the first operand of a concat: TTNN 0.81 runs
    them on a freed tensor without a check, which ends the process by SIGSEGV, on chips as on mocks.
    Other operations refuse by themselves.

    Args:
        tensor: what goes into the operation.
        op: the operation, such as ``ttnn.gelu``.

    Raises:
        RuntimeError: if the tensor was freed.
    """
    if not tensor.is_allocated():
        raise RuntimeError(
            f"{op}(): the input tensor is not allocated. Free a tensor after its last use."
        )
    return tensor
