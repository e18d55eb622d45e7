"""Running described calls on a runtime."""

from __future__ import annotations

import functools
from typing import Any

import torch

from symbiote_conformance.build import Builder, Data, constant_data
from symbiote_conformance.calls import Call, Outcome, Status
from symbiote_core import Runtime, close_device, open_device, runtime_of


class Bench:
    """An open device on which described calls are run, one by one.

    Args:
        device: a device string, such as ``emulator:blackhole`` or ``mock:wormhole_b0``. What
            runs must not crash the process: judge a mock chip through
            `symbiote_conformance.Worker`.
        data: the values of operands; by default zeros.
    """

    def __init__(self, device: str, data: Data = constant_data) -> None:
        self.device: Any = open_device(device)
        self.runtime: Runtime = runtime_of(self.device)
        self.builder = Builder(self.runtime.ttnn, self.device, data)

    def close(self) -> None:
        """Close the device."""
        close_device(self.device)

    def has(self, op: str) -> bool:
        """Whether the runtime has this operation."""
        try:
            self._operation(op)
        except AttributeError:
            return False
        return True

    def build(self, call: Call) -> tuple[list[Any], dict[str, Any]]:
        """The built arguments of a call.

        Raises:
            Exception: whatever the runtime raises on operands that can't be.
        """
        args = [self.builder.build(a) for a in call.args]
        return args, {k: self.builder.build(v) for k, v in call.kwargs.items()}

    def apply(self, op: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operation on built arguments."""
        return self._operation(op)(*args, **kwargs)

    def run(self, call: Call) -> Outcome:
        """Build the arguments, run the call and describe what became of it."""
        try:
            args, kwargs = self.build(call)
        except Exception as error:
            return self._failed(Status.SETUP, error)
        try:
            return Outcome(Status.OK, describe(self.apply(call.op, args, kwargs), self.runtime))
        # A stray exception of any kind is a refusal, too; `named` tells them apart.
        except Exception as error:
            return self._failed(Status.REFUSED, error)

    def _operation(self, op: str) -> Any:
        if op == "__getitem__":
            return _getitem
        return functools.reduce(getattr, op.split("."), self.runtime.ttnn)

    def _failed(self, status: Status, error: Exception) -> Outcome:
        named = self.runtime.describe_error(error).op is not None
        text = " ".join(str(error).split())
        return Outcome(status, None, type(error).__name__, text, named)


def _getitem(*args: Any, **_ignored: Any) -> Any:
    return args[0][args[1]]


def describe(result: Any, runtime: Runtime) -> Any:
    """A result in the form of the recorded answers, padded shape always included."""
    if result is None:
        return None
    if runtime.is_tensor(result):
        return {
            "s": list(result.shape),
            "p": list(result.padded_shape),
            "d": result.dtype.name,
            "l": result.layout.name,
            "m": _memory_text(result),
        }
    if isinstance(result, list | tuple):
        return {"seq": type(result).__name__, "v": [describe(r, runtime) for r in result]}
    if isinstance(result, torch.Tensor):
        return {"torch": list(result.shape), "d": str(result.dtype).removeprefix("torch.")}
    return {"py": repr(result)}


def _memory_text(tensor: Any) -> str:
    if tensor.storage_type().name == "HOST":
        return "HOST"
    return memory_text(tensor.memory_config())


def memory_text(config: Any) -> str:
    """A memory configuration in the form of the recorded answers."""
    text = f"{config.buffer_type.name}/{config.memory_layout.name}"
    shard = config.shard_spec
    if shard is None:
        return text
    shape = "x".join(map(str, shard.shape))
    return f"{text}[{shard.grid.num_cores()}c {shape} {shard.orientation.name}]"
