"""Telling from TTNN's words whether it refused for want of memory."""

from __future__ import annotations

import re

import attrs

_SENTENCES = tuple(
    re.compile(pattern)
    for pattern in (
        # Texts of ttnn 0.81: allocator, program, dataflow buffers, layer norm.
        r"Not enough space to allocate (?P<needed>\d+) B (?P<memory>DRAM|L1)",
        r"grow to (?P<needed>\d+) B which is beyond max (?P<memory>L1) size",
        r"clash with (?P<memory>L1) buffers",
        r"require (?P<needed>\d+) bytes, but only \d+ bytes of the allocator's (?P<memory>L1)",
    )
)


@attrs.frozen
class Shortage:
    """Memory that was asked for and was not there.

    Attributes:
        memory: ``DRAM`` or ``L1``.
        needed: bytes, or None where TTNN does not say.
    """

    memory: str
    needed: int | None


def shortage(message: str) -> Shortage | None:
    """What memory a refusal wanted, or None if it had another reason.

    Args:
        message: TTNN's sentence.
    """
    for sentence in _SENTENCES:
        found = sentence.search(message)
        if found:
            named = found.groupdict()
            needed = named.get("needed")
            return Shortage(named["memory"], None if needed is None else int(needed))
    return None
