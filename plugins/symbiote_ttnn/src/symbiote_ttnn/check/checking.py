"""Checking a model: every call of every kernel on a mock chip, and what it costs."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from torch import nn

from symbiote_core import apply, plan, report, restore, runtime_of, set_device, set_run_mode
from symbiote_core.report import ModuleReport
from symbiote_core.swap.apply import set_strict
from symbiote_core.swap.devices import swapped_modules
from symbiote_core.swap.plan import PolicyLike
from symbiote_ttnn.check.capture import captured, device_operations, dram_peak, l1_peak
from symbiote_ttnn.check.records import (
    Announce,
    CheckReport,
    Forward,
    ForwardCheck,
    MemoryCheck,
    ModuleCheck,
    OperationOnTorch,
)
from symbiote_ttnn.check.watch import Tally, Watch
from symbiote_ttnn.late import ttnn

logger = logging.getLogger("symbiote.check")

ROUNDS = 5
"""Timed rounds; their median is reported."""


def _nobody(stage: str, done: int, total: int, path: str, kernel: str) -> None:
    """Announce to nobody."""


def check_model(
    model: nn.Module,
    device: Any,
    workload: Sequence[Forward],
    policy: PolicyLike = "auto",
    include: str | Iterable[str] = (),
    exclude: str | Iterable[str] = (),
    announce: Announce = _nobody,
    model_config: Mapping[str, Any] | None = None,
) -> CheckReport:
    """Swap a model, run a workload on it, note what TTNN takes and refuses, and swap it back.

    Every call is made as in strict mode; one that is refused goes on with torch's answer, so that
    one check shows every refusal. In a row of modules that hand on device tensors, the first
    refusal ends the row, and torch's code goes through its modules. Run it under `torch.no_grad`,
    on a mock chip: it compiles, and may crash the process where TTNN does.

    How it is measured:

    - Device operations and refusals: the first round, under TTNN's graph capture. Programs: the
      entries that the device's program cache gains in it.
    - Host time: the median of `ROUNDS` further rounds, without capture; that of the modules and
      that of the forwards from rounds of their own, since modules that are watched one by one are
      not run in a row. There is no chip, so it is the time of Python and of TTNN's host code alone.
    - Weights: what the allocator has in use after conversion, less what it had before. Those that
      do not fit are reckoned by a capture without dispatch, and no forward is run then.
    - Peaks: a last round under a capture without dispatch, in which TTNN lays out the buffers of
      every program. To what that capture allocates, the allocator's own count before it is added
      (weights and compiled programs, which a chip holds in DRAM).

    Args:
        model: a torch model in eval mode, not on the meta device; its values do not matter.
        device: an open mock device.
        workload: what to run, in order.
        policy: see `symbiote_core.accelerate`.
        include: see `symbiote_core.accelerate`.
        exclude: see `symbiote_core.accelerate`.
        announce: called before each step with its stage (``build``, ``convert``, ``forward``,
            ``time``, ``memory``), how many are done, of how many, module path and kernel.
        model_config: see `symbiote_core.accelerate`.

    Raises:
        SymbioteError: if there is no plan, or a kernel can't be built.
    """
    todo = plan(model, policy, include, exclude)
    runtime = runtime_of(device)
    before = runtime.memory(device)

    def building(stage: str, done: int, total: int, path: str) -> None:
        announce(stage, done, total, path, "")

    apply(todo, model, model_config, strict=True, progress=building)
    try:
        set_device(model, device)
        swapped = swapped_modules(model)
        modules = [module for module in swapped if module.covers_children]
        rows = [module for module in swapped if not module.covers_children]
        for row in rows:
            set_strict(row, False)  # it gives up then, and the modules in it are called one by one
        watch = Watch(device, modules, rows, announce)
        watch.begin("convert")
        for module in (*modules, *rows):
            watch.convert(module)
        weights = runtime.memory(device).allocated - before.allocated
        forwards: list[ForwardCheck] = []
        if not watch.unmoved:
            watch.begin("forward", len(workload))
            set_run_mode(model, watch.first)
            forwards = [_first(model, watch, part) for part in workload]
        seen = report(model)
        watch.give_ups(seen.events)
        dram_most = l1_most = None
        if forwards and all(f.stopped is None for f in forwards):
            forwards = _timed(model, watch, workload, forwards)
            dram_most, l1_most = _peaks(model, watch, workload)
    finally:
        restore(model)
    return CheckReport(
        arch=device.arch().name.lower(),
        model_class=seen.model_class,
        policies=seen.policies,
        modules=tuple(
            _module(m, watch.tallies[m.paths[0]])
            for m in seen.modules
            if m.paths[0] in watch.tallies
        ),
        kept=len(seen.kept),
        refusals=tuple(watch.refusals),
        misfits=tuple(watch.misfits),
        on_torch=tuple(OperationOnTorch(o.op, o.why, o.count) for o in seen.op_fallbacks),
        forwards=tuple(forwards),
        memory=MemoryCheck(
            dram=before.total,
            weights=weights,
            needed=weights + watch.unmoved,
            dram_peak=dram_most,
            l1=_view(device, "L1").total_bytes_per_bank,
            l1_peak=l1_most,
        ),
    )


def _first(model: nn.Module, watch: Watch, part: Forward) -> ForwardCheck:
    """The first run of a part of the workload, under a capture that goes around all of it."""
    device = watch.device
    watch.begin_forward()
    before = device.num_program_cache_entries()
    stopped = None
    with captured() as nodes:
        try:
            part.call(model)
        except Exception as error:  # of the model's own code, on values that mean nothing
            logger.debug("%s stopped", part.name, exc_info=True)
            stopped = f"{type(error).__name__}: {error}"
    return ForwardCheck(
        name=part.name,
        operations=device_operations(nodes).total(),
        programs=device.num_program_cache_entries() - before,
        seconds=None,
        stopped=stopped,
    )


def _timed(
    model: nn.Module, watch: Watch, workload: Sequence[Forward], forwards: Sequence[ForwardCheck]
) -> list[ForwardCheck]:
    """The forwards with their host time; that of the modules goes into their tallies."""
    # One round that is not timed: what Python and TTNN do at a second call only is done then.
    watch.begin("time", len(workload))
    set_run_mode(model, watch.again)
    for part in workload:
        part.call(model)
    set_run_mode(model, watch.timed)
    for _ in range(ROUNDS):
        watch.begin_round()
        for part in workload:
            part.call(model)
    set_run_mode(model, watch.again if watch.refusals else "normal")
    seconds: list[list[float]] = [[] for _ in workload]
    for _ in range(ROUNDS):
        for taken, part in zip(seconds, workload, strict=True):
            start = time.perf_counter()
            part.call(model)
            taken.append(time.perf_counter() - start)
    return [
        attrs.evolve(forward, seconds=statistics.median(taken))
        for forward, taken in zip(forwards, seconds, strict=True)
    ]


def _peaks(model: nn.Module, watch: Watch, workload: Sequence[Forward]) -> tuple[int, int]:
    """The most DRAM of the chip, and the most L1 of one core, in use at once."""
    dram, l1 = (_view(watch.device, memory) for memory in ("DRAM", "L1"))
    watch.begin("memory", len(workload))
    set_run_mode(model, watch.again)
    with captured(dispatch=False) as nodes:
        for part in workload:
            part.call(model)
    most = dram_peak(nodes, dram.num_banks)
    return (
        dram.num_banks * dram.total_bytes_allocated_per_bank + most,
        l1.total_bytes_allocated_per_bank + l1_peak(nodes),
    )


def _view(device: Any, memory: str) -> Any:
    """TTNN's view of ``DRAM`` or ``L1``, bank by bank; a core has one bank of L1."""
    return ttnn.get_memory_view(device, getattr(ttnn.BufferType, memory))


def _module(seen: ModuleReport, tally: Tally) -> ModuleCheck:
    return ModuleCheck(
        path=seen.paths[0],
        module_class=seen.module_class,
        kernel=seen.kernel,
        plugin=seen.plugin,
        accepted=tally.accepted,
        refused=tally.refused,
        operations=dict(tally.operations),
        programs=tally.programs,
        seconds=statistics.median(tally.seconds) if tally.seconds and not tally.refused else None,
    )
