"""What is recorded at run time: fallbacks, transfers and calls of one swapped model."""

from __future__ import annotations

import collections
import logging
import sys
import warnings
from typing import Any

import attrs
import torch

from symbiote_core.errors import origin_of
from symbiote_core.runtime.protocol import Runtime

logger = logging.getLogger("symbiote.fallback")

MAX_EVENTS = 256
"""Events kept in full; the counts by cause go on beyond it."""

STAY_AFTER = 3
"""A module that failed this often for the same cause stays on torch."""


class FallbackWarning(UserWarning):
    """Something ran on torch that was planned for the device."""


@attrs.frozen
class Cause:
    """Why something fell back: events of one cause are warned about once.

    Attributes:
        kernel: the kernel's class name.
        op: the TTNN operation that refused, or None.
        reason: ``ttnn_error``, ``out_of_memory``, ``unsupported_input``, ``unsupported_dtype``,
            ``empty_input``, ``needs_grad``, ``wrong_shape`` or ``hooked_child``.
        message: the reason in words, without backtrace.
    """

    kernel: str
    op: str | None
    reason: str
    message: str


@attrs.frozen
class FallbackEvent:
    """One call of a swapped module that ran on torch.

    Attributes:
        path: the module's path in the model.
        kernel: the kernel's class name.
        plugin: the plugin that brought the kernel.
        op: the TTNN operation that refused, such as ``ttnn.linear``, or None.
        shapes: the shapes of the tensor arguments.
        dtypes: their torch dtypes.
        reason: a reason code, see `Cause`.
        message: the reason in words.
    """

    path: str
    kernel: str
    plugin: str
    op: str | None
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    reason: str
    message: str

    @property
    def cause(self) -> Cause:
        """What this event has in common with others."""
        return Cause(self.kernel, self.op, self.reason, self.message)

    def __str__(self) -> str:
        op = f" in {self.op}" if self.op else ""
        shapes = ", ".join(f"{list(s)} {d}" for s, d in zip(self.shapes, self.dtypes, strict=True))
        return (
            f"{self.kernel} ({origin_of(self.plugin)}) at {self.path!r} failed{op} on "
            f"{shapes or 'no tensors'} [{self.reason}]: {self.message.removesuffix('.')}"
        )


@attrs.define
class ModuleCalls:
    """Calls of one swapped module.

    Attributes:
        calls: forwards that ran on the device.
        fallbacks: forwards that ran on torch.
        seconds: wall time of the calls in the ``timed`` run mode, else 0.
        pcc: the lowest correlation with torch in the ``compare`` run mode, else None.
        relative_rms: the largest relative RMS error in the ``compare`` run mode, else None.
    """

    calls: int = 0
    fallbacks: int = 0
    seconds: float = 0.0
    pcc: float | None = None
    relative_rms: float | None = None


@attrs.define
class Activity:
    """Counters of one swapped model; nothing here grows with the number of calls.

    Attributes:
        forwards: calls of the model itself.
        uploads: tensors moved to the device by forwards (weights are not counted).
        upload_bytes: their size on the host, in bytes.
        downloads: tensors moved to the host by forwards.
        download_bytes: their size on the host, in bytes.
        events: the first `MAX_EVENTS` fallbacks.
        causes: how often each cause occurred.
        op_fallbacks: aten operations that ran on torch for want of a handler, by name and cause.
    """

    forwards: int = 0
    uploads: int = 0
    upload_bytes: int = 0
    downloads: int = 0
    download_bytes: int = 0
    events: list[FallbackEvent] = attrs.Factory(list)
    causes: collections.Counter[Cause] = attrs.Factory(collections.Counter)
    op_fallbacks: collections.Counter[tuple[str, str]] = attrs.Factory(collections.Counter)

    def uploaded(self, tensor: torch.Tensor) -> None:
        """Count one upload."""
        self.uploads += 1
        self.upload_bytes += tensor.numel() * tensor.element_size()

    def download(self, runtime: Runtime, tensor: Any) -> torch.Tensor:
        """Bring a device tensor to the host and count it."""
        host = runtime.to_torch(tensor)
        self.downloads += 1
        self.download_bytes += host.numel() * host.element_size()
        return host

    def fell_back(self, event: FallbackEvent) -> None:
        """Record one fallback of a module and warn about it if its cause is new."""
        cause = event.cause
        self.causes[cause] += 1
        if len(self.events) < MAX_EVENTS:
            self.events.append(event)
        if self.causes[cause] == 1:
            warnings.warn(
                f"{event}. It ran on torch instead; the result is right but not accelerated. This "
                "cause is reported once; report(model) counts them.",
                FallbackWarning,
                stacklevel=_users_frame(),
            )
        else:
            logger.debug("fallback: %s", event)

    def op_fell_back(self, name: str, why: str) -> None:
        """Record an aten operation that ran on torch."""
        self.op_fallbacks[name, why] += 1
        if self.op_fallbacks[name, why] == 1:
            logger.info("%s ran on torch: %s", name, why)

    def clear(self) -> None:
        """Set every counter to zero and forget the events."""
        fresh = Activity()
        for field in attrs.fields(Activity):
            setattr(self, field.name, getattr(fresh, field.name))


def _users_frame() -> int:
    """The ``stacklevel`` of the first frame outside of this package and torch."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("symbiote_core", "torch"):
            break
        level, frame = level + 1, frame.f_back
    return level


def failure_key(cause: Cause) -> tuple[str | None, str, str]:
    """What makes two failures of one module the same."""
    return (cause.op, cause.reason, cause.message)
