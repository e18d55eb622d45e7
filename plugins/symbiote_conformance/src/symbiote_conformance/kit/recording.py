"""The real inputs that a module gets in a forward of its model, and calls that vary them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import attrs
import torch
from hypothesis import strategies as st
from torch import nn

from symbiote_conformance.kit.calls import Given, TorchCall, Values
from symbiote_conformance.kit.inputs import MOST_ROWS, kinds, lengths, seeds
from symbiote_conformance.kit.tiny import TinyModel
from symbiote_core.structure import map_leaves

_KEPT = ("mask", "position", "cache", "bias")
"""What is in the names of arguments whose values have a meaning, and are kept as recorded."""


class _CalledError(Exception):
    """Ends a forward in which what is looked for has been seen."""


@attrs.frozen(eq=False)
class Recorder:
    """Records the calls of one module in a small model.

    Attributes:
        tiny: the model.
        path: where the module stands in it.
        is_free: whether the module takes sequences of any length, which the model does not vary.
    """

    tiny: TinyModel
    path: str
    is_free: bool = False

    @property
    def module(self) -> nn.Module:
        """The module; not to be changed."""
        return self.tiny.model.get_submodule(self.path)

    def recorded(self, batch: int, length: int) -> TorchCall | None:
        """The first call of the module in a forward; None if it is not called."""
        return _recorded(self.tiny, self.path, batch, length)

    def calls(self) -> st.SearchStrategy[TorchCall]:
        """Calls as recorded, of any batch and length, with other values in activations."""
        return st.builds(self._varied, st.integers(1, MOST_ROWS), lengths, kinds, seeds)

    def _varied(self, batch: int, length: int, kind: str, seed: int) -> TorchCall:
        call = self.recorded(batch, length)
        assert call is not None
        counted = iter(range(seed, seed + 1000))

        def vary(leaf: Any) -> Any:
            if not isinstance(leaf, Values) or leaf.dtype != "float32":
                return leaf
            shape = leaf.shape
            if self.is_free:
                shape = (shape[0], length, *shape[2:])
            return attrs.evolve(leaf, shape=shape, kind=kind, seed=next(counted))

        args, kwargs = map_leaves(vary, (call.args, dict(call.kwargs)))
        return attrs.evolve(call, args=args, kwargs=kwargs)


def recorder(tiny: TinyModel, path: str) -> Recorder | None:
    """What records the calls of the module at ``path``; None if a forward does not call it."""
    plain = Recorder(tiny, path)
    call = plain.recorded(2, 5)
    if call is None:
        return None
    if not tiny.has_lengths and _takes_any_length(plain.module, call):
        return Recorder(tiny, path, is_free=True)
    return plain


def _takes_any_length(module: nn.Module, call: TorchCall) -> bool:
    """Whether the only tensor of a call is [B, S, D], and torch takes it with another S."""
    args, kwargs = call.tensors()
    tensors = [v for v in (*args, *kwargs.values()) if isinstance(v, torch.Tensor)]
    if len(tensors) != 1 or tensors[0].ndim != 3 or not tensors[0].is_floating_point():
        return False
    other = torch.zeros(tensors[0].shape[0], tensors[0].shape[1] + 1, tensors[0].shape[2])

    def longer(leaf: Any) -> Any:
        return other if isinstance(leaf, torch.Tensor) else leaf

    args, kwargs = map_leaves(longer, (args, kwargs))
    try:
        with torch.no_grad():
            module(*args, **kwargs)
    except Exception:  # the module's own way of saying no
        return False
    return True


@functools.cache
def _recorded(tiny: TinyModel, path: str, batch: int, length: int) -> TorchCall | None:
    seen: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def look(module: nn.Module, args: Any, kwargs: Any) -> None:
        del module
        seen.append((args, kwargs))
        raise _CalledError

    sizes = {"B": batch, "S": length}
    inputs = {
        name: given.described(sizes, "normal", seed).tensor()
        for seed, (name, given) in enumerate(tiny.inputs.items())
    }
    module = tiny.model.get_submodule(path)
    handle = module.register_forward_pre_hook(look, with_kwargs=True)
    config: Any = getattr(tiny.model, "config", None)
    if getattr(config, "use_cache", False):
        config.use_cache = False  # a cache would go from one call to the next
    try:
        with torch.no_grad():
            tiny.model(**inputs)
    except _CalledError:
        pass
    finally:
        handle.remove()
    if not seen:
        return None
    args, kwargs = seen[0]
    names = _names(type(module).forward, len(args))
    return TorchCall(
        tuple(_described(value, name, batch) for value, name in zip(args, names, strict=True)),
        {name: _described(value, name, batch) for name, value in kwargs.items()},
        batch,
    )


def _names(forward: Callable[..., Any], count: int) -> list[str]:
    """What the first ``count`` positional arguments are called."""
    parameters = list(inspect.signature(forward).parameters)[1:]
    return [parameters[i] if i < len(parameters) else str(i) for i in range(count)]


def _described(value: Any, name: str, batch: int) -> Any:
    def describe(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        batched = leaf.ndim > 0 and leaf.shape[0] == batch
        has_meaning = any(part in name for part in _KEPT)
        if leaf.dtype != torch.float32 or leaf.ndim < 2 or has_meaning:
            return Given(leaf.detach().clone(), batched)
        return Values(tuple(leaf.shape), batched=batched)

    return map_leaves(describe, value)
