"""A model on a device, for the time of one command."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from symbiote_cli.output import Output
from symbiote_cli.progress import staged
from symbiote_core import Runtime, accelerate, close_device, open_device, restore, runtime_of


@attrs.frozen
class Device:
    """An open device.

    Attributes:
        asked: the device string that the user gave.
        handle: the runtime's own object.
        runtime: the runtime it belongs to.
    """

    asked: str
    handle: Any
    runtime: Runtime

    @property
    def name(self) -> str:
        """What to call it: the device string, or what ``auto`` turned out to be."""
        return f"{self.runtime.name} (chosen by auto)" if self.asked == "auto" else self.asked

    @property
    def computes(self) -> bool:
        """Whether its answers mean something: the mock chip checks calls and gives zeros."""
        return self.runtime.name != "mock"


@contextlib.contextmanager
def opened(name: str) -> Iterator[Device]:
    """Open a device and close it after the block, whatever happens in it.

    Args:
        name: a device string.

    Raises:
        DeviceError: if there is no such device.
    """
    handle = open_device(name)
    try:
        yield Device(name, handle, runtime_of(handle))
    finally:
        close_device(handle)


@contextlib.contextmanager
def swapped(
    model: Any,
    device: Device,
    output: Output,
    policy: str = "auto",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    strict: bool = False,
    weights: str | None = None,
) -> Iterator[Any]:
    """Swap a model for the time of the block, with progress bars; then it is on torch again.

    Args:
        model: the model.
        device: where it is to run.
        output: the command's output.
        policy: a policy's name.
        include: see `symbiote_core.accelerate`.
        exclude: see `symbiote_core.accelerate`.
        strict: raise instead of falling back to torch.
        weights: TTNN's dtype of the swapped matrices; None for the policy's own.
    """
    config = None if weights is None else {"weights": weights}
    with staged(output) as progress:
        accelerate(model, device.handle, policy, include, exclude, strict, config, progress)
    try:
        yield model
    finally:
        restore(model)
