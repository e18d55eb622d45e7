"""The run modes of a check: they note what each call of a swapped module does."""

from __future__ import annotations

import collections
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
import torch

from symbiote_core import FallbackEvent, TTNNExecutionError, TTNNModule
from symbiote_core.module.modes import normal
from symbiote_core.module.recovery import Args, Kwargs, on_torch
from symbiote_ttnn.check.capture import captured, device_operations, dram_peak
from symbiote_ttnn.check.fitting import shortage
from symbiote_ttnn.check.records import Announce, Misfit, Refusal
from symbiote_ttnn.check.refusals import refusal_of_event, refusal_of_failure
from symbiote_ttnn.late import ttnn

logger = logging.getLogger("symbiote.check")


@attrs.define
class Tally:
    """What was seen of one module.

    Attributes:
        accepted, refused: calls.
        operations: device operations by name.
        programs: programs compiled.
        seconds: host time of its calls in each timed round.
    """

    accepted: int = 0
    refused: int = 0
    operations: collections.Counter[str] = attrs.Factory(collections.Counter)
    programs: int = 0
    seconds: list[float] = attrs.Factory(list)


class Watch:
    """Run modes over the modules of one model, and what they saw.

    A module that is refused goes on with torch's answer, so that one run shows every refusal. One
    that is called with device tensors, in a row of modules, has no such answer: the row gives up,
    and torch's code calls the same modules.

    Args:
        device: the open mock device.
        modules: the swapped modules.
        rows: the kernels that only call them.
        announce: told of each call before it is made, since TTNN may end the process in it.

    Attributes:
        tallies: what was seen, by module path.
        refusals: what was refused.
        misfits: what does not fit in memory.
        unmoved: bytes of DRAM that the weights would take for which it had no room.
    """

    def __init__(
        self,
        device: Any,
        modules: Sequence[TTNNModule],
        rows: Sequence[TTNNModule],
        announce: Announce,
    ) -> None:
        self.device = device
        self.announce = announce
        self.tallies = {module._symbiote.path: Tally() for module in modules}
        self.refusals: list[Refusal] = []
        self.misfits: list[Misfit] = []
        self.unmoved = 0
        self._rows = rows
        self._given_up = [0] * len(rows)
        self._stage = ""
        self._done = self._total = 0

    def begin(self, stage: str, rounds: int = 1) -> None:
        """Begin a stage of the check, in which each module is called about once a round.

        Args:
            stage: see `check_model`.
            rounds: how many rounds.
        """
        self._stage, self._done, self._total = stage, 0, rounds * len(self.tallies)

    def begin_round(self) -> None:
        """Begin a timed round: each module gets an entry of its own for it."""
        for tally in self.tallies.values():
            tally.seconds.append(0.0)

    def begin_forward(self) -> None:
        """Begin a forward of the first round."""
        self._given_up = [row._symbiote.calls.fallbacks for row in self._rows]

    def convert(self, module: TTNNModule) -> None:
        """Convert and move a module's weights; a failure is noted, and the module is on torch.

        Args:
            module: one of the swapped modules or rows, with a device.
        """
        self._tell(module)
        state = module._symbiote
        try:
            module.move_weights_to_device()
        except Exception as error:  # an author's code or the device: noted with its place
            module.deallocate_weights()
            assert state.runtime is not None
            failure = state.runtime.describe_error(error)
            self._refuse(refusal_of_failure(module, "convert", failure))
            short = shortage(failure.message)
            if short is not None and short.memory == "DRAM":
                self.unmoved += self._size_of_weights(module)

    def _size_of_weights(self, module: TTNNModule) -> int:
        """Bytes of DRAM, from a capture in which nothing gets memory."""
        with captured(dispatch=False) as nodes:
            try:
                module.move_weights_to_device()
            except Exception as error:  # an author's code, behind the weight that did not fit
                path = module._symbiote.path
                logger.warning("%s may have more weights than are counted: %s", path, error)
            module.deallocate_weights()
        return dram_peak(nodes, ttnn.get_memory_view(self.device, ttnn.BufferType.DRAM).num_banks)

    def first(
        self, module: TTNNModule, forward: Callable[..., Any], args: Args, kwargs: Kwargs
    ) -> Any:
        """The run mode of the first round: operations, programs and refusals.

        Raises:
            Exception: what the kernel raises, if it is called with device tensors; noted.
        """
        self._tell(module)
        tally = self.tallies[module._symbiote.path]
        if self._is_unmoved(module) and not _in_a_row(args, kwargs):
            tally.refused += 1
            return on_torch(module, forward, args, kwargs)
        errors: list[Exception] = []

        def noted(*given: Any, **named: Any) -> Any:
            try:
                return forward(*given, **named)
            except Exception as error:
                errors.append(error)
                raise

        before = self.device.num_program_cache_entries()
        try:
            with captured() as nodes:
                out = normal(module, noted, args, kwargs)
        except TTNNExecutionError as refused:
            tally.refused += 1
            if not self._follows(module):
                self._refuse(refusal_of_event(refused.event))
            return on_torch(module, forward, args, kwargs)
        except Exception as error:  # of a call with device tensors, which is not recovered from
            tally.refused += 1
            runtime = module._symbiote.runtime
            assert runtime is not None
            given = [x for x in (*args, *kwargs.values()) if runtime.is_tensor(x)]
            if not self._is_unmoved(module):
                self._refuse(
                    refusal_of_failure(module, "forward", runtime.describe_error(error), given)
                )
            raise
        tally.accepted += 1
        tally.operations += device_operations(nodes)
        tally.programs += self.device.num_program_cache_entries() - before
        if errors:  # it went through at the second try, with the others' weights freed
            assert module._symbiote.runtime is not None
            message = module._symbiote.runtime.describe_error(errors[0]).message
            self._misfit(module._symbiote.path, type(module).__name__, "forward", message, True)
        return out

    def again(
        self, module: TTNNModule, forward: Callable[..., Any], args: Args, kwargs: Kwargs
    ) -> Any:
        """The run mode of a further round: the same calls, nothing noted."""
        self._tell(module)
        tally = self.tallies[module._symbiote.path]
        if _in_a_row(args, kwargs):
            return normal(module, forward, args, kwargs)
        if tally.refused:
            return on_torch(module, forward, args, kwargs)
        try:
            return normal(module, forward, args, kwargs)
        except TTNNExecutionError as error:
            logger.warning("%s was accepted before, and not again: %s", error.event.path, error)
            return on_torch(module, forward, args, kwargs)

    def timed(
        self, module: TTNNModule, forward: Callable[..., Any], args: Args, kwargs: Kwargs
    ) -> Any:
        """The run mode of a timed round: adds the wall time to the module's latest entry."""
        tally = self.tallies[module._symbiote.path]
        if tally.refused and not _in_a_row(args, kwargs):
            return on_torch(module, forward, args, kwargs)
        start = time.perf_counter()
        try:
            return normal(module, forward, args, kwargs)
        finally:
            tally.seconds[-1] += time.perf_counter() - start

    def give_ups(self, events: Iterable[FallbackEvent]) -> None:
        """Note why rows gave up, where no call of a module in them shows it.

        Args:
            events: the fallbacks of the first round, which are those of rows.
        """
        known = [refusal.message for refusal in self.refusals]
        for event in events:
            if not any(message in event.message for message in known):
                self._refuse(refusal_of_event(event))

    def _tell(self, module: TTNNModule) -> None:
        path = module._symbiote.path
        done = min(self._done, self._total)  # a module may be called more than once
        self.announce(self._stage, done, self._total, path, type(module).__name__)
        self._done += 1

    def _follows(self, module: TTNNModule) -> bool:
        """Whether torch's code calls the module only since the row that it is in gave up."""
        path = module._symbiote.path
        return any(
            path.startswith(f"{row._symbiote.path}.".lstrip("."))
            and row._symbiote.calls.fallbacks > before
            for row, before in zip(self._rows, self._given_up, strict=True)
        )

    def _is_unmoved(self, module: TTNNModule) -> bool:
        path = module._symbiote.path
        return any(r.stage == "convert" and r.path == path for r in self.refusals)

    def _refuse(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)
        self._misfit(refusal.path, refusal.kernel, refusal.stage, refusal.message, False)

    def _misfit(self, path: str, kernel: str, stage: str, message: str, survived: bool) -> None:
        short = shortage(message)
        if short is not None:
            self.misfits.append(
                Misfit(path, kernel, stage, short.memory, short.needed, survived, message)
            )


def _in_a_row(args: Args, kwargs: Kwargs) -> bool:
    """Whether a module is called with device tensors, so that torch can't answer for it."""
    return not any(isinstance(given, torch.Tensor) for given in (*args, *kwargs.values()))
