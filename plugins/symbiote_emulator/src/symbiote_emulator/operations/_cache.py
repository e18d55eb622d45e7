"""Writing into a KV cache: the parts of an input that TTNN copies, and unsigned arguments."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from symbiote_emulator.errors import IncompatibleArguments, NotImitated, WrongInTTNN
from symbiote_emulator.tensor import Tensor

_UINT32_MAX = 2**32 - 1


def require_unsigned(*values: int | None) -> None:
    """Refuse integers that don't fit in 32 bits without a sign, as nanobind does.

    Raises:
        IncompatibleArguments: one of them is negative or too large.
    """
    if any(value is not None and not 0 <= value <= _UINT32_MAX for value in values):
        raise IncompatibleArguments


def require_four_dimensions(cache: Tensor, source: Tensor) -> None:
    """Refuse what TTNN takes for a cache by dimensions that mean something else.

    Raises:
        NotImitated: one of the two has another rank than 4.
    """
    for tensor in (cache, source):
        if len(tensor.spec.shape) != 4:
            raise NotImitated(
                f"Cache and input have four dimensions, got {list(tensor.spec.shape)}.",
                "Reshape them: the cache to [batch, kv_heads, length, size].",
                shape=tensor.spec.shape,
            )


def require_positions(positions: Iterable[int], length: int) -> None:
    """Refuse positions that the cache does not have, of which TTNN checks none.

    Args:
        positions: of the tokens to write.
        length: logical length of the cache.

    Raises:
        WrongInTTNN: one of them is negative or past the end.
    """
    for position in positions:
        if not 0 <= position < length:
            raise WrongInTTNN(
                f"Position {position} is outside of the cache of length {length}.",
                "Write to positions of the cache only; TTNN writes past its end.",
                position=position,
                length=length,
            )


def with_padding(source: Tensor, rows: int, width: int) -> torch.Tensor:
    """The values that TTNN copies out of whole tiles, of the cache's size.

    Args:
        source: tiles [..., S, D]. What lies beyond S and D is padding: zeros.
        rows: rows to give; fewer or more than S.
        width: columns to give, likewise.

    Returns:
        [..., rows, width], the values of ``source`` themselves where nothing has to be padded.
    """
    value = source.value
    value = value[..., :rows, :width]
    missing = (0, width - value.shape[-1], 0, rows - value.shape[-2])
    return torch.nn.functional.pad(value, missing) if any(missing) else value
