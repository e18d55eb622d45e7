"""What a check is made of and what it finds; `CheckReport.to_data` is ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from torch import nn

Announce = Callable[[str, int, int, str, str], None]
"""Called with stage, how many are done, of how many, module path and kernel, before each step."""


@attrs.frozen
class Forward:
    """One part of a workload: a named call of the model.

    Attributes:
        name: such as ``forward``, ``prefill`` or ``decode``.
        call: runs the model given to it; called several times, in turn with the others of the
            workload, so it may go on with what those before it left, and may not use anything up.
    """

    name: str
    call: Callable[[nn.Module], Any]


@attrs.frozen
class Refusal:
    """Calls that TTNN, or the kernel, did not take.

    Attributes:
        path: the module's path in the model.
        kernel: the kernel's class name.
        plugin: the plugin that brings it.
        stage: ``convert`` (its weights) or ``forward``.
        op: the operation that refused, such as ``ttnn.linear``, or None where it can't be told.
        shapes: the shapes of the call's tensors.
        dtypes: their torch dtypes.
        reason: a reason code, see `symbiote_core.Cause`.
        message: TTNN's own sentence.
    """

    path: str
    kernel: str
    plugin: str
    stage: str
    op: str | None
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    reason: str
    message: str


@attrs.frozen
class Misfit:
    """Something that the device's memory has no room for.

    Attributes:
        path: the module's path in the model.
        kernel: the kernel's class name.
        stage: ``convert`` (its weights) or ``forward``.
        memory: ``DRAM`` or ``L1``.
        needed: bytes that were asked for, or None where TTNN does not say; of L1, on one core
            unless the message speaks of banks.
        survived: whether the call went through after the weights of the other modules were freed,
            which a run then moves anew each time.
        message: TTNN's own sentence.
    """

    path: str
    kernel: str
    stage: str
    memory: str
    needed: int | None
    survived: bool
    message: str


@attrs.frozen
class OperationOnTorch:
    """An aten operation between the modules that ran on torch.

    Attributes:
        op: its name.
        why: the reason.
        count: how often, in the whole workload.
    """

    op: str
    why: str
    count: int


@attrs.frozen
class ModuleCheck:
    """One swapped module, over the whole workload.

    Attributes:
        path: where it stands in the model.
        module_class: the torch class's name.
        kernel: the kernel's class name.
        plugin: the plugin that brings it.
        accepted: calls that TTNN took.
        refused: calls that would run on torch.
        operations: device operations of the accepted calls, by TTNN's name.
        programs: programs compiled at the first calls; one that an earlier module needed too is
            counted there.
        seconds: host time of its calls when warm, without a chip's time; None if it was refused.
    """

    path: str
    module_class: str
    kernel: str
    plugin: str
    accepted: int
    refused: int
    operations: dict[str, int]
    programs: int
    seconds: float | None


@attrs.frozen
class ForwardCheck:
    """One part of the workload.

    Attributes:
        name: see `Forward`.
        operations: device operations, those between the modules included.
        programs: programs compiled at its first run.
        seconds: host time when warm, downloads included; None if it did not reach its end.
        stopped: what ended it before its end, or None.
    """

    name: str
    operations: int
    programs: int
    seconds: float | None
    stopped: str | None


@attrs.frozen
class MemoryCheck:
    """Device memory in bytes. DRAM is that of the chip, L1 that of one core.

    Attributes:
        dram: what the allocator has to give.
        weights: what conversion left in DRAM.
        needed: what the weights take when those that did not fit are counted too.
        dram_peak: the most in use at once in a forward (weights, compiled programs, activations);
            None if no forward reached its end.
        l1: what the allocator has to give.
        l1_peak: the most in use at once (circular and dataflow buffers, tensors in L1); None as
            above.
    """

    dram: int
    weights: int
    needed: int
    dram_peak: int | None
    l1: int
    l1_peak: int | None


@attrs.frozen
class CheckReport:
    """What one architecture says of a model.

    Attributes:
        arch: the architecture, as TTNN calls it, in small letters.
        model_class: the model's class name.
        policies: the policies applied and the plugins that brought them.
        modules: the swapped modules.
        kept: how many modules stay on torch by plan.
        refusals: what was refused, call by call.
        misfits: what does not fit in memory.
        on_torch: operations between modules that ran on torch.
        forwards: the workload; empty if the weights do not fit, since a model without them is
            not run.
        memory: what it takes.
    """

    arch: str
    model_class: str
    policies: tuple[tuple[str, str], ...]
    modules: tuple[ModuleCheck, ...]
    kept: int
    refusals: tuple[Refusal, ...]
    misfits: tuple[Misfit, ...]
    on_torch: tuple[OperationOnTorch, ...]
    forwards: tuple[ForwardCheck, ...]
    memory: MemoryCheck

    @property
    def fallbacks(self) -> int:
        """What would run on torch: calls of swapped modules, and operations between them."""
        paths = {m.path for m in self.modules}
        # Of kernels that call other swapped modules, which have no calls of their own.
        rows = sum(r.path not in paths for r in self.refusals)
        return rows + sum(m.refused for m in self.modules) + sum(o.count for o in self.on_torch)

    @property
    def failures(self) -> int:
        """What no fallback mends: weights that can't be moved, forwards that stop."""
        unmoved = sum(r.stage == "convert" for r in self.refusals)
        return unmoved + sum(f.stopped is not None for f in self.forwards)

    def to_data(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        return attrs.asdict(self) | {"fallbacks": self.fallbacks, "failures": self.failures}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> CheckReport:
        """The report that `to_data`, or JSON made of it, tells of.

        Args:
            data: from `to_data`.
        """
        refusals = (
            Refusal(**{**r, "shapes": tuple(map(tuple, r["shapes"])), "dtypes": tuple(r["dtypes"])})
            for r in data["refusals"]
        )
        return cls(
            arch=data["arch"],
            model_class=data["model_class"],
            policies=tuple((name, plugin) for name, plugin in data["policies"]),
            modules=tuple(ModuleCheck(**m) for m in data["modules"]),
            kept=data["kept"],
            refusals=tuple(refusals),
            misfits=tuple(Misfit(**m) for m in data["misfits"]),
            on_torch=tuple(OperationOnTorch(**o) for o in data["on_torch"]),
            forwards=tuple(ForwardCheck(**f) for f in data["forwards"]),
            memory=MemoryCheck(**data["memory"]),
        )
