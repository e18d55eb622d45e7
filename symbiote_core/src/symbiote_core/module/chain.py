"""Several swapped modules in a row, with nothing of torch between them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch

from symbiote_core.module.modes import normal
from symbiote_core.module.state import WeightState
from symbiote_core.runtime.active import ACTIVE
from symbiote_core.tensor.wrapper import TorchTTNNTensor, wrap

if TYPE_CHECKING:
    from symbiote_core.module.ttnn_module import TTNNModule

logger = logging.getLogger("symbiote.module")


def through(modules: Iterable[Any], x: Any) -> Any:
    """Call modules one after the other, each with what the one before it returned.

    Where all are swapped and ready, the tensor between them is not wrapped and unwrapped, which
    costs as much as several operations. Whatever wants to see the calls, such as hooks, run modes
    or training, gets them one by one; so does an input of a shape that is new, and a failure,
    which the failing module then answers as it always does.

    Args:
        modules: modules that take one tensor and return one.
        x: what the first one takes.

    Returns:
        What calling each in turn returns.
    """
    chain = tuple(modules)
    if type(x) is TorchTTNNTensor and _have_seen(chain, x.shape) and are_ready(chain):
        out = _on_device(chain, x)
        if out is not None:
            return out
    for module in chain:
        x = module(x)
    return x


def are_ready(modules: Iterable[Any]) -> bool:
    """Whether nothing would happen around these modules' ``forward`` if they were called now.

    True for swapped modules in inference whose weights are on the active runtime's device and up to
    date, and whose calls nobody wants to see, be it by hooks or by a run mode. A kernel with
    ``covers_children = False`` may then call ``module.written`` on device tensors, and saves what a
    call costs. It has to count the calls and to answer failures itself.
    """
    for module in modules:
        own = module.__dict__
        state = own.get("_symbiote")
        if (
            state is None
            or state.mode is not normal
            or state.weights is not WeightState.DEVICE
            or state.frees
            or state.runtime is not ACTIVE.runtime
            or module.training
            or "forward" in own
            or module._forward_hooks
            or module._forward_pre_hooks
            or state.is_hooked()
            or state.is_stale()
        ):
            return False
    return True


def _have_seen(chain: tuple[Any, ...], shape: torch.Size) -> bool:
    """Whether all are swapped and have answered an input of this shape with the right one."""
    shapes = (shape,)
    for module in chain:
        state = module.__dict__.get("_symbiote")
        if state is None or shapes not in state.checked_shapes:
            return False
    return bool(chain)


def _on_device(chain: tuple[TTNNModule, ...], x: TorchTTNNTensor) -> TorchTTNNTensor | None:
    out = x.to_ttnn
    try:
        for module in chain:
            out = module.written(out)
    except Exception as error:  # the module meets it again, called by itself, and answers it
        logger.info("a row of %d modules is called one by one: %s", len(chain), error)
        return None
    for module in chain:
        module._symbiote.calls.calls += 1
    state = chain[-1]._symbiote
    assert state.runtime is not None
    return wrap(out, x.dtype, state.runtime, state.device, state.activity)
