"""What stands around a kernel's ``forward`` when it is called from torch code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from symbiote_core.module import weights

if TYPE_CHECKING:
    from symbiote_core.module.ttnn_module import TTNNModule

F = TypeVar("F", bound=Callable[..., Any])


def deallocate_weights_after(forward: F) -> F:
    """Decorator for a kernel's ``forward``: free the device copy of its weights after each call.

    For models larger than the device. The converted host copy is kept where the base class moves
    the weights, so that the next call uploads and does not convert again. One kernel object alone
    does so by ``kernel.frees_weights_after = True``.
    """
    forward.deallocates_weights_after = True  # type: ignore[attr-defined]
    return forward


def entry(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Put the run mode around an author's ``forward``; the original is ``__wrapped__``."""

    @functools.wraps(forward)
    def run(self: TTNNModule, *args: Any, **kwargs: Any) -> Any:
        state = self._symbiote
        if not state.frees:
            return state.mode(self, forward, args, kwargs)
        try:
            return state.mode(self, forward, args, kwargs)
        finally:
            weights.release(self)

    return run
