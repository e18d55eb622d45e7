"""A torch module and its swapped twin side by side, on an emulated device of their own."""

from __future__ import annotations

import contextlib
import copy
import gc
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import torch
from torch import nn

from symbiote_conformance.kit.calls import TorchCall
from symbiote_conformance.kit.failures import ConformanceError
from symbiote_core import (
    FallbackWarning,
    NothingReplacedError,
    Policy,
    Runtime,
    TorchTTNNTensor,
    TTNNExecutionError,
    TTNNModule,
    apply,
    close_device,
    open_device,
    plan,
    restore,
    runtime_of,
    set_device,
    use_runtime,
)
from symbiote_core.structure import leaves

REFUSED = "unsupported_input"
"""The reason code of a call that a kernel leaves to torch on purpose."""


class Holder(nn.Module):
    """A model of the subject alone, in one place or in several.

    Args:
        *modules: what it holds, as ``at0``, ``at1`` …; the first one runs.
    """

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        for index, module in enumerate(modules):
            self.add_module(f"at{index}", module)
        self.eval()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the first module."""
        return self.get_submodule("at0")(*args, **kwargs)


class RefusedError(Exception):
    """The kernel leaves this call to torch, visibly (``UnsupportedInputError``)."""


@attrs.define(eq=False)
class Swapped:
    """A model, swapped, and a copy of it that is not.

    Attributes:
        title: what is judged, for messages.
        original: the copy on torch.
        model: the swapped model.
        device: an open device.
        runtime: the device's.
    """

    title: str
    original: nn.Module
    model: nn.Module
    device: Any
    runtime: Runtime

    @property
    def kernels(self) -> list[TTNNModule]:
        """The swapped modules, each once."""
        return [m for m in self.model.modules() if TTNNModule in type(m).__mro__]  # type: ignore[misc]

    def golden(self, call: TorchCall, row: int | None = None) -> tuple[torch.Tensor | None, ...]:
        """What torch answers, to the whole call or to one row of it."""
        args, kwargs = call.tensors() if row is None else call.row(row)
        with torch.no_grad():
            return plain(self.original(*args, **kwargs))

    def answer(self, call: TorchCall, row: int | None = None) -> tuple[torch.Tensor | None, ...]:
        """What the swapped model answers, with plain torch tensors.

        Raises:
            RefusedError: if a kernel leaves the call to torch on purpose.
            ConformanceError: if it fails.
        """
        args, kwargs = call.tensors() if row is None else call.row(row)
        return self.run(call, args, kwargs)

    def run(
        self, call: TorchCall, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[torch.Tensor | None, ...]:
        """As `answer`, with arguments of the caller's own."""
        try:
            with torch.no_grad():
                return plain(self.model(*args, **kwargs))
        except TTNNExecutionError as error:
            if error.event.reason == REFUSED:
                raise RefusedError(str(error.event)) from error
            raise ConformanceError(
                self.title,
                f"it fails: {error.event}",
                call,
                "Raise UnsupportedInputError for calls that are left to torch on purpose.",
            ) from error
        except ConformanceError:
            raise
        except Exception as error:
            raise ConformanceError(
                self.title, f"it raises {type(error).__name__}: {error}", call
            ) from error

    def memory(self) -> int:
        """Bytes that are in use on the device."""
        gc.collect()
        return self.runtime.memory(self.device).allocated

    def empty(self) -> int:
        """Free the weights; the bytes that are in use without them.

        Raises:
            ConformanceError: if that fails.
        """
        for kernel in self.kernels:
            try:
                kernel.deallocate_weights()
            except Exception as error:
                problem = f"deallocate_weights raises {type(error).__name__}: {error}"
                raise ConformanceError(self.title, problem) from error
        return self.memory()

    def weights(self) -> list[Any]:
        """The converted weights of all kernels and their parts, as TTNN tensors."""
        return [tensor for kernel in self.kernels for tensor in self.weights_of(kernel)]

    def weights_of(self, kernel: TTNNModule) -> Iterator[Any]:
        """The converted weights of one kernel and its parts."""
        for name in kernel._symbiote.weight_names:
            value = vars(kernel).get(name)
            yield from (leaf for leaf in leaves((value,)) if self.runtime.is_tensor(leaf))
        for part in kernel.ttnn_parts():
            yield from self.weights_of(part)

    def dtype(self) -> str:
        """The coarsest dtype of the converted weights; bfloat16 if there are none."""
        for kernel in self.kernels:
            kernel.preprocess_weights()
        names = {str(weight.dtype).rpartition(".")[2].lower() for weight in self.weights()}
        for name in ("bfloat4_b", "bfloat8_b"):
            if name in names:
                return name
        return "bfloat16"


def plain(output: Any) -> tuple[torch.Tensor | None, ...]:
    """The leaves of an output: tensors on the host, and None for what is no tensor.

    A cache in it, which may hold memory of the device, is let go with it.
    """
    return tuple(
        leaf.to_torch if isinstance(leaf, TorchTTNNTensor) else leaf
        for leaf in (x if isinstance(x, torch.Tensor) else None for x in leaves((output,)))
    )


@contextlib.contextmanager
def swapped(
    title: str,
    model: nn.Module,
    policy: Policy | str,
    config: Any = None,
    strict: bool = True,
    device: str = "emulator",
) -> Iterator[Swapped]:
    """Swap ``model`` within a ``with`` block, on a device that is open that long.

    Raises:
        ConformanceError: if nothing is replaced, or a kernel can't be built.
    """
    opened = open_device(device)
    runtime = runtime_of(opened)
    original = copy.deepcopy(model)
    with use_runtime(runtime), warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)  # the report tells the kit of them
        try:
            apply(plan(model, policy), model, config, strict=strict)
        except NothingReplacedError as error:
            raise ConformanceError(
                title, str(error), None, "Give a Subject whose module the kernel supports."
            ) from error
        except Exception as error:
            raise ConformanceError(title, f"it can't be swapped in: {error}") from error
        set_device(model, opened)
        gc.freeze()  # so that collecting what calls leave does not look at all there was before
        try:
            yield Swapped(title, original, model, opened, runtime)
        except BaseException:
            with contextlib.suppress(Exception):  # the first failure is the one to tell
                restore(model)
            raise
        else:
            _restore(title, model)
        finally:
            gc.unfreeze()
            close_device(opened)


def _restore(title: str, model: nn.Module) -> None:
    try:
        restore(model)
    except Exception as error:
        raise ConformanceError(title, f"restore fails: {error}") from error
