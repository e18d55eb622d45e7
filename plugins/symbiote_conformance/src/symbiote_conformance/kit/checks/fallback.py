"""Fallback: whichever operation fails, the answer is torch's, and the report shows it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import torch

from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.comparing import require_equal
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.faults import InjectedError, with_faults
from symbiote_conformance.kit.handed_on import HandedOn
from symbiote_conformance.kit.swapped import Swapped
from symbiote_core import TTNNModule, report, reset_fallbacks
from symbiote_core.module.modes import MODES, normal
from symbiote_core.swap.apply import set_strict

MOST = 24
"""How many operations of a forward are made to fail, one after the other."""


def fallback(case: Case) -> None:
    """Each operation of a kernel fails once; of a policy, each kind of kernel."""
    with case.swapped() as both:
        call = case.accepted(both)
        for kernel in both.kernels:
            set_strict(kernel, False)
        failing = _operations(both, call) if case.policy is None else _kernels(both, call)
        for fault in failing:
            _judge(case, both, call, fault)
        reset_fallbacks(both.model)
        both.answer(call)
        if report(both.model).fallback_count:
            raise ConformanceError(case.title, "it stays on torch after one failure", call)


@attrs.frozen
class _Fault:
    """Something that is made to fail: what it is, and how to begin and end it."""

    what: str
    begin: Callable[[], None]
    end: Callable[[], None]


def _judge(case: Case, both: Swapped, call: TorchCall, fault: _Fault) -> None:
    """Judge the answers to a call in which something fails: for torch and for device tensors."""
    given = None if case.is_coarse else HandedOn.of(both, call)
    for args, kwargs, where in (
        (*call.tensors(), ""),
        *([] if given is None else [(given.args, given.kwargs, " and its input is on the device")]),
    ):
        when = f" when {fault.what} fails{where}"
        reset_fallbacks(both.model)
        fault.begin()
        try:
            answer = both.run(call, args, kwargs)
        except ConformanceError as error:
            problem = f"torch does not answer{when}: {error.problem}"
            raise ConformanceError(case.title, problem, call, HELD) from error
        finally:
            fault.end()
        _require_torchs(case, both, call, answer, when)


def _require_torchs(case: Case, both: Swapped, call: TorchCall, answer: Any, when: str) -> None:
    golden = both.golden(call)
    told = report(both.model).fallback_count
    try:
        if told and not case.is_coarse:
            require_equal(case.title, golden, answer, call, when)
        else:
            when += "" if told else " and the report shows no fallback"
            case.require_torchs(both, call, answer, golden, when)
    except ConformanceError as error:
        raise ConformanceError(case.title, error.problem, call, HELD) from error


HELD = (
    "Let errors of ttnn out of forward, and do not free or write to an input before the output "
    "exists: torch has to answer with it."
)


def _operations(both: Swapped, call: TorchCall) -> Iterator[_Fault]:
    """One call of ``ttnn`` after the other."""
    with with_faults(both) as faults:
        both.answer(call)
        faults.start(None)
        both.answer(call)
        for number, name in enumerate(faults.calls[:MOST]):
            begin = functools.partial(faults.start, number)
            end = functools.partial(faults.start, None)
            yield _Fault(f"call {number} of ttnn ({name})", begin, end)


def _kernels(both: Swapped, call: TorchCall) -> Iterator[_Fault]:
    """One module of each kernel."""
    both.answer(call)
    seen: set[type] = set()
    for kernel in both.kernels:
        if type(kernel) in seen or not kernel.covers_children:
            continue
        seen.add(type(kernel))
        mode = functools.partial(setattr, kernel._symbiote, "mode")
        yield _Fault(
            f"{type(kernel).__name__} at {kernel._symbiote.path!r}",
            functools.partial(mode, _fails),
            functools.partial(mode, MODES["normal"]),
        )


def _fails(module: TTNNModule, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A run mode in which ``forward`` fails at its end, and random numbers are as if not drawn.

    A kernel can draw them behind everything of its own that fails, but not behind this.
    """

    def broken(*given: Any, **named: Any) -> Any:
        with torch.random.fork_rng(devices=[]):
            forward(*given, **named)
        raise InjectedError("the conformance kit made this kernel fail")

    return normal(module, broken, args, kwargs)
