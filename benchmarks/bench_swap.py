"""Figure 4: planning, swapping and converting."""

from __future__ import annotations

import statistics
from typing import Any

from measure import say, seconds
from torch import nn
from vit_base import vit_base

from symbiote_core import accelerate, plan
from symbiote_ttnn import TTNNLinear


def resident_peak(call: Any) -> tuple[float, int]:
    """Seconds of ``call()`` and by how much the process's memory rose at most, in bytes."""
    import threading
    from pathlib import Path

    status, page = Path("/proc/self/statm"), 4096

    def resident() -> int:
        return int(status.read_text().split()[1]) * page

    before, highest, done = resident(), 0, threading.Event()

    def watch() -> None:
        nonlocal highest
        while not done.wait(0.002):
            highest = max(highest, resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    took = seconds(call)
    done.set()
    watcher.join()
    return took, max(highest, resident()) - before


def test_swapping_and_converting_vit_base(emulator: Any) -> None:
    model = vit_base()
    own = sum(p.numel() * p.element_size() for p in model.parameters())
    took, peak = resident_peak(lambda: accelerate(model, emulator))
    say(
        "accelerate(ViT-base) on the emulator",
        f"{took:.2f} s, peak memory {peak / 2**20:.0f} MiB over the model's own "
        f"{own / 2**20:.0f} MiB ({peak / own:.2f} of it; bfloat16 weights are 0.50)",
        "no bound",
        "one run; resident memory sampled every 2 ms",
    )


def test_plan_alone() -> None:
    model = vit_base()
    took = statistics.median(seconds(lambda: plan(model)) for _ in range(9))
    say("plan(ViT-base)", f"{took * 1e3:.1f} ms", "<= 50 ms", "median of 9 runs")
    assert took <= 0.05


def test_planning_is_linear_in_the_size() -> None:
    def model(count: int) -> nn.Module:
        blocks = [nn.Sequential(*[nn.Linear(1, 1) for _ in range(10)]) for _ in range(count // 10)]
        return nn.Sequential(*blocks)

    small, large = model(2_000), model(20_000)
    times = [
        statistics.median(seconds(lambda m=m: plan(m, {nn.Linear: TTNNLinear})) for _ in range(5))
        for m in (small, large)
    ]
    growth = times[1] / times[0]
    say(
        "plan of 20,000 linears / plan of 2,000",
        f"{growth:.1f} ({times[1] * 1e3:.0f} ms / {times[0] * 1e3:.0f} ms)",
        "<= 15 (linear is 10)",
        "medians of 5 runs",
    )
    assert growth <= 15
