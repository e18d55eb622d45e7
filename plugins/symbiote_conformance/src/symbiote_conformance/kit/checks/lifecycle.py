"""Lifecycle: the weights go through their states, idempotently, and what is freed is free."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import attrs

from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.cases import Case
from symbiote_conformance.kit.comparing import require_equal
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_conformance.kit.swapped import Swapped
from symbiote_core import TTNNModule, WeightState

_TORCH, _HOST, _DEVICE = WeightState.TORCH, WeightState.HOST, WeightState.DEVICE


def lifecycle(case: Case) -> None:
    """Convert, move, call, bring back, call, free, call; each step twice, and all of it twice."""
    with case.swapped() as both:
        call = case.accepted(both)
        life = _Life(case, both, call, empty=both.empty())
        golden = both.golden(call)
        first = None
        for turn in ("", " in the second life"):
            life.turn = turn
            life.step("preprocess_weights", TTNNModule.preprocess_weights, _HOST)
            life.step("move_weights_to_device", TTNNModule.move_weights_to_device, _DEVICE)
            answer = life.answer("the first call")
            case.require_torchs(both, call, answer, golden, turn)
            first = answer if first is None else first
            require_equal(case.title, first, life.answer("the second call"), call, AGAIN)
            life.step("move_weights_to_host", TTNNModule.move_weights_to_host, _HOST)
            answer = life.answer("a call after move_weights_to_host")
            require_equal(case.title, first, answer, call, " after move_weights_to_host")
            life.free()
            answer = life.answer("a call after deallocate_weights")
            require_equal(case.title, first, answer, call, " after deallocate_weights")
            life.free()


AGAIN = " the second time"


@attrs.define(eq=False)
class _Life:
    """The kernels of one swapped model on their way.

    Attributes:
        case: what is judged.
        both: the model.
        call: what it is called with.
        empty: bytes in use without any weights.
        turn: which life it is, for messages.
    """

    case: Case
    both: Swapped
    call: TorchCall
    empty: int
    turn: str = ""

    def step(self, name: str, move: Callable[[TTNNModule], None], state: WeightState) -> None:
        """One step, twice, and whether the memory of the device is what it says."""
        full = 0
        for times in ("", " twice"):
            for kernel in self.both.kernels:
                try:
                    move(kernel)
                except Exception as error:
                    self._fail(f"{name}{times} raises {type(error).__name__}: {error}", error)
                if kernel.frees_weights_after and kernel.weight_state is _HOST:
                    continue
                if kernel.weight_state is not state and kernel.covers_children:
                    self._fail(f"{name}{times} leaves {kernel.weight_state}, not {state}")
            now, weights = self.both.memory(), self.both.weights()
            if state is not _DEVICE and now != self.empty:
                self._fail(f"{name}{times} leaves {now - self.empty} bytes on the device")
            if state is _DEVICE and weights and now <= self.empty:
                self._fail(f"{name}{times} moves no weights to the device")
            if times and now != full:
                self._fail(f"{name}{times} takes {now - full} more bytes of the device: {IDEM}")
            full = now

    def answer(self, when: str) -> object:
        """The answer to the call."""
        try:
            return self.both.answer(self.call)
        except ConformanceError as error:
            self._fail(f"{when} fails: {error.problem}", error)

    def free(self) -> None:
        """Free everything, twice, and whether it is gone though somebody still holds it."""
        held = [
            tensor
            for kernel in self.both.kernels
            if kernel.weight_state is _DEVICE
            for tensor in self.both.weights_of(kernel)
        ]
        for times in ("", " twice"):
            try:
                left = self.both.empty() - self.empty
            except ConformanceError as error:
                self._fail(f"{error.problem}, called{times or ' once'}", error)
            alive = [t for t in held if self.both.runtime.is_allocated(t)]
            if alive:
                shapes = ", ".join(str(list(t.shape)) for t in alive)
                self._fail(
                    f"deallocate_weights{times} leaves the device memory of weights: {shapes}"
                )
            if left:
                self._fail(f"deallocate_weights{times} leaves {left} bytes on the device")

    def _fail(self, problem: str, cause: Exception | None = None) -> NoReturn:
        raise ConformanceError(self.case.title, f"{problem}{self.turn}", self.call) from cause


IDEM = "each step has to do nothing where it is done already"
