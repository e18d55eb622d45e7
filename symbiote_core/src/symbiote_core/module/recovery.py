"""What happens when a kernel's forward fails: retry, strict error, or torch."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from symbiote_core.errors import DeviceNotSetError, TTNNExecutionError, UnsupportedInputError
from symbiote_core.fallback import STAY_AFTER, FallbackEvent, failure_key
from symbiote_core.module import weights
from symbiote_core.module.released import torch_values
from symbiote_core.module.state import ModuleState
from symbiote_core.runtime.protocol import (
    REASON_OUT_OF_MEMORY,
    REASON_UNSUPPORTED,
    OperationFailure,
)
from symbiote_core.structure import leaves, map_leaves
from symbiote_core.tensor.wrapper import TorchTTNNTensor

if TYPE_CHECKING:
    from symbiote_core.module.ttnn_module import TTNNModule

logger = logging.getLogger("symbiote.fallback")

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Mode = Callable[["TTNNModule", Callable[..., Any], Args, Kwargs], Any]


class Refused(Exception):
    """The call is not for the device; carries why."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.failure = OperationFailure(None, message, reason)


def recover(
    module: TTNNModule,
    forward: Callable[..., Any],
    args: Args,
    kwargs: Kwargs,
    error: Exception,
    retry: Mode,
) -> Any:
    """Answer a failed call: free memory and retry once, raise if strict, else run torch.

    Raises:
        TTNNExecutionError: in strict mode, or where torch can't run because the kernel freed its
            input.
    """
    state = module._symbiote
    if isinstance(error, DeviceNotSetError):
        raise error
    failure = _failure(module, error)
    if failure.reason == REASON_OUT_OF_MEMORY and not state.failures.get("freeing"):
        state.failures["freeing"] = 1
        try:
            free_memory(module)
            return retry(module, forward, args, kwargs)
        finally:
            del state.failures["freeing"]
    event = _event(module, args, kwargs, failure, error)
    if state.strict:
        raise TTNNExecutionError(event) from error
    try:
        out = on_torch(module, forward, args, kwargs)
    except UseAfterFree as gone:
        raise TTNNExecutionError(event) from gone
    _note(module, event, failure, error)
    return out


def give_up(module: TTNNModule, args: Args, kwargs: Kwargs, error: Exception) -> Any:
    """Note a failed call that torch's ``forward`` takes over; see `TTNNModule.give_up`.

    Raises:
        TTNNExecutionError: in strict mode.
    """
    failure = _failure(module, error)
    event = _event(module, args, kwargs, failure, error)
    if module._symbiote.strict:
        raise TTNNExecutionError(event) from error
    _note(module, event, failure, error)
    return NotImplemented


def _note(
    module: TTNNModule, event: FallbackEvent, failure: OperationFailure, error: Exception
) -> None:
    """Count a fallback; a module that failed so too often stays on torch."""
    state = module._symbiote
    logger.debug("%s at %r fell back", event.kernel, event.path, exc_info=error)
    # Who looked through the frames left copies of their variables in them, and those of the call
    # that goes on would hold its device tensors until the next garbage collection.
    error.__traceback__ = None
    state.activity.fell_back(event)
    state.calls.fallbacks += 1
    if failure.reason not in ("needs_grad", "hooked_child"):
        key = failure_key(event.cause)
        state.failures[key] = state.failures.get(key, 0) + 1
        if state.failures[key] >= STAY_AFTER:
            state.mode = staying_on_torch(event)


def _failure(module: TTNNModule, error: Exception) -> OperationFailure:
    if isinstance(error, Refused):
        return error.failure
    if isinstance(error, UnsupportedInputError):
        return OperationFailure(None, str(error), REASON_UNSUPPORTED)
    runtime = module._symbiote.runtime
    assert runtime is not None
    return runtime.describe_error(error)


def _event(
    module: TTNNModule, args: Args, kwargs: Kwargs, failure: OperationFailure, error: Exception
) -> FallbackEvent:
    state = module._symbiote
    tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    inner = _innermost_path(error)
    message = failure.message
    if inner.startswith(f"{state.path}."):
        # Relative, so that the same failure in every layer of a model is one cause.
        message = f"in its part {inner[len(state.path) + 1 :]!r}: {message}"
    return FallbackEvent(
        path=state.path,
        kernel=type(module).__name__,
        plugin=state.plugin,
        op=failure.op,
        shapes=tuple(tuple(t.shape) for t in tensors),
        dtypes=tuple(str(t.dtype).removeprefix("torch.") for t in tensors),
        reason=failure.reason,
        message=message,
    )


def _innermost_path(error: Exception) -> str:
    """The path of the kernel, or part of one, that the error came out of; empty if it is none."""
    path = ""
    trace = error.__traceback__
    while trace is not None:
        owner = trace.tb_frame.f_locals.get("self")
        state = getattr(owner, "__dict__", {}).get("_symbiote")
        if isinstance(state, ModuleState):
            path = state.path
        trace = trace.tb_next
    return path


def free_memory(module: TTNNModule) -> None:
    """Free what the library can free for ``module``: the weights of the model's other modules.

    They are converted or moved again when they are next called.
    """
    for peer in list(module._symbiote.peers):
        if peer is not module:
            weights.release(peer)
    gc.collect()


class UseAfterFree(RuntimeError):
    """A kernel freed its input before its output existed, so there is nothing to fall back with."""


def on_torch(module: TTNNModule, forward: Callable[..., Any], args: Args, kwargs: Kwargs) -> Any:
    """Run the torch layer with torch inputs. The ``torch`` run mode."""
    del forward
    layer = weights.require_torch_layer(module)
    runtime = module._symbiote.runtime

    def to_host(leaf: Any) -> Any:
        if isinstance(leaf, TorchTTNNTensor):
            only = leaf._ttnn if leaf._host is None else None
            if only is not None and runtime and not runtime.is_allocated(only):
                raise UseAfterFree("the kernel deallocated its input before its output existed")
            return leaf.to_torch
        return leaf

    host_args, host_kwargs = map_leaves(to_host, (args, dict(kwargs)))
    with torch_values(module):
        return layer.forward(*host_args, **host_kwargs)


def staying_on_torch(event: FallbackEvent) -> Mode:
    """The mode of a module that failed too often: torch, without trying the device again."""

    def stay(module: TTNNModule, forward: Callable[..., Any], args: Args, kwargs: Kwargs) -> Any:
        state = module._symbiote
        state.activity.fell_back(event)
        state.calls.fallbacks += 1
        return on_torch(module, forward, args, kwargs)

    return stay
