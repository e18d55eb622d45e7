"""The table of operations and the decorator that puts them there.

The wrapper around an operation is on the hot path of the default runtime: for tensors and plain
keywords it makes a handful of set look-ups and nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from symbiote_emulator.errors import EmulatorError, IncompatibleArguments, not_emulated
from symbiote_emulator.signature import Signature

if TYPE_CHECKING:
    from symbiote_emulator.allocator import Buffer

P = ParamSpec("P")
R = TypeVar("R")

OPERATIONS: Final[dict[str, Callable[..., Any]]] = {}
"""All operations by full name, such as ``ttnn.transformer.concatenate_heads``."""


def operation(name: str, *, is_python: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Register a function as an operation of the emulated API.

    Annotations are the accepted types (see :mod:`symbiote_emulator.signature`). The wrapper
    checks arguments, names the operation in errors, and counts the call on the device of the
    first tensor argument. ``operation.__wrapped__`` is the bare function, for calls from other
    operations that must not be counted.

    Args:
        name: full name, from ``ttnn.`` on.
        is_python: the original is a Python function and not a binding (other error texts).

    Raises:
        ValueError: the name is taken.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if name in OPERATIONS:
            raise ValueError(f"Two operations are called {name}. Remove one of them.")
        wrapper = _wrap(name, function, Signature(name, function, is_python=is_python))
        OPERATIONS[name] = wrapper
        return wrapper

    return decorate


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """Call an operation by full name.

    Raises:
        NotEmulatedError: there is none.
    """
    function = OPERATIONS.get(name)
    if function is None:
        raise not_emulated(name)
    return function(*args, **kwargs)


def _wrap(name: str, function: Callable[P, R], signature: Signature) -> Callable[P, R]:
    fast_positional = signature.fast_positional
    fast_by_name = signature.fast_by_name
    most = len(fast_positional)
    least = signature.required_positional
    always_bind = signature.has_required_keywords

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        fits = least <= len(args) <= most and not always_bind
        if fits:
            for value, fast in zip(args, fast_positional):  # noqa: B905 - args may be shorter
                if type(value) not in fast:
                    fits = False
                    break
            for key in kwargs:
                if key not in fast_by_name or type(kwargs[key]) not in fast_by_name[key]:
                    fits = False
                    break
        bound: Any = args
        named = kwargs
        if not fits:
            bound, named = signature.bind(args, kwargs)
        try:
            result = function(*bound, **named)
        except IncompatibleArguments:
            raise signature.mismatch(args, kwargs) from None
        except EmulatorError as error:
            if error.op is None:
                error.op = name
            raise
        for value in bound:
            # Tensors only have this attribute; a duck test is several times cheaper than an
            # import of the class here, which would be circular.
            buffer: Buffer | None = getattr(value, "_buffer", None)
            if buffer is not None:
                buffer.device.counters.operations[name] += 1
                break
        else:
            _count_rare(name, bound, named)
        return result

    run.__name__ = run.__qualname__ = name
    run.python_fully_qualified_name = name  # type: ignore[attr-defined]
    run.signature = signature  # type: ignore[attr-defined]
    return run


def _count_rare(name: str, args: Iterable[Any], kwargs: dict[str, Any]) -> None:
    """Count a call whose tensors are in a list, as those of ``concat``, or given by keyword."""
    for value in (*args, *kwargs.values()):
        for item in value if isinstance(value, (list, tuple)) else (value,):
            buffer: Buffer | None = getattr(item, "_buffer", None)
            if buffer is not None:
                buffer.device.counters.operations[name] += 1
                return
