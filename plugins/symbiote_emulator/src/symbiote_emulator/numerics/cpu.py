"""Whether this processor multiplies bfloat16 matrices faster than float32 ones."""

from __future__ import annotations

import functools
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


@functools.cache
def bf16_matmul_is_fast() -> bool:
    """Read once: AMX, or AVX512-BF16 on an AMD core.

    On Intel cores without AMX, ``vdpbf16ps`` runs at half rate: bfloat16 took 1.7 times as long
    as float32 there. Where the flags can't be read the answer is no: float32 is right everywhere.
    """
    try:
        text = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return flags_say_fast(text)


def flags_say_fast(cpuinfo: str) -> bool:
    """The decision of :func:`bf16_matmul_is_fast` for the text of ``/proc/cpuinfo``."""
    first = cpuinfo.split("\n\n", 1)[0]
    words = set(first.split())
    return "amx_bf16" in words or ("avx512_bf16" in words and "AuthenticAMD" in words)
