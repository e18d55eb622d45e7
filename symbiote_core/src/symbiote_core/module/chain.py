"""Several swapped modules in a row, with nothing of torch between them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

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
    if type(x) is TorchTTNNTensor and _are_ready(chain, x):
        out = _on_device(chain, x)
        if out is not None:
            return out
    for module in chain:
        x = module(x)
    return x


def _are_ready(chain: tuple[Any, ...], x: TorchTTNNTensor) -> bool:
    shapes = (x.shape,)
    for module in chain:
        own = module.__dict__
        state = own.get("_symbiote")
        if (
            state is None
            or state.mode is not normal
            or state.weights is not WeightState.DEVICE
            or state.runtime is not ACTIVE.runtime
            or shapes not in state.checked_shapes
            or module.training
            or "forward" in own
            or module._forward_hooks
            or module._forward_pre_hooks
            or state.is_hooked()
            or state.is_stale()
        ):
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
