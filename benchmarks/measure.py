"""How the benchmarks measure: alternating runs in one process, medians, ratios."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

Call = Callable[[], Any]


def seconds(call: Call) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def alternating(first: Call, second: Call, rounds: int = 15, warm: int = 2) -> tuple[float, float]:
    """Medians of the wall times of two calls that take turns, in seconds."""
    for _ in range(warm):
        first()
        second()
    gc.collect()
    gc.disable()
    try:
        pairs = [(seconds(first), seconds(second)) for _ in range(rounds)]
    finally:
        gc.enable()
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def overhead(outer: Call, inner: Call, calls: int = 2000, rounds: int = 31) -> float:
    """Seconds that one call of ``outer`` takes over one of ``inner``: the median of the rounds."""

    def many(call: Call) -> Call:
        def run() -> None:
            for _ in range(calls):
                call()

        return run

    many(outer)()
    many(inner)()
    gc.collect()
    gc.disable()
    try:
        found = [(seconds(many(outer)) - seconds(many(inner))) / calls for _ in range(rounds)]
    finally:
        gc.enable()
    return statistics.median(found)


def say(name: str, figure: str, bound: str, how: str) -> None:
    """Print one figure, what it is held to, and how it was measured."""
    threads = torch.get_num_threads()
    print(f"\n{name}: {figure} (held to {bound})")
    print(f"    {how}; torch {torch.__version__}, {threads} threads")
