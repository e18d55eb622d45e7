"""Torch weights that were let go once they were converted, and how they come back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import torch
from torch import nn

from symbiote_core.errors import ReleasedWeightsError

if TYPE_CHECKING:
    from symbiote_core.module.ttnn_module import TTNNModule

Load = Callable[[str], torch.Tensor]
"""Reads a tensor of the checkpoint by its name in the model's ``state_dict``."""

_T = torch.Tensor
_SHAPE_ONLY: frozenset[Any] = frozenset(
    {
        _T.dim,
        _T.element_size,
        _T.is_complex,
        _T.is_floating_point,
        _T.is_inference,
        _T.nelement,
        _T.numel,
        _T.requires_grad_,
        _T.size,
        _T.stride,
        *(
            getattr(_T, name).__get__
            for name in (
                *("_version", "device", "dtype", "grad", "is_cpu", "is_cuda", "is_leaf", "is_meta"),
                *("layout", "ndim", "requires_grad", "shape"),
            )
        ),
    }
)
"""What a tensor without values can answer."""


class ReleasedParameter(nn.Parameter):
    """Stands in a module for a parameter that was let go: shape and dtype, no values, no memory.

    Whatever asks for values gets a `ReleasedWeightsError`.

    Args:
        like: the parameter, any shape and dtype, on any device.
    """

    name = ""

    def __new__(cls, like: torch.Tensor, name: str) -> ReleasedParameter:
        """Make one of the shape and dtype of ``like``."""
        nothing = torch.empty((), dtype=like.dtype).expand(like.shape)
        self: ReleasedParameter = torch.Tensor._make_subclass(cls, nothing, False)
        self.name = name
        return self

    def __init__(self, like: torch.Tensor, name: str) -> None:
        del like, name

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Answer questions of shape, refuse the rest."""
        if func in _SHAPE_ONLY:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))
        name = next((a.name for a in args if isinstance(a, ReleasedParameter)), "a parameter")
        raise ReleasedWeightsError(
            f"{name} was let go (release_torch_weights=True), and "
            f"{getattr(func, '__name__', func)} asks for its values. Ask for them by "
            "model.state_dict(), or restore(model) first."
        )

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"ReleasedParameter({self.name!r}, {list(self.shape)}, {self.dtype})"


@attrs.frozen(eq=False)
class Place:
    """Where a parameter that was let go stood.

    Attributes:
        holder: the dictionary of parameters.
        key: its key there.
        placeholder: what stands there now.
        name: its name in the model's ``state_dict``.
    """

    holder: dict[str, Any]
    key: str
    placeholder: ReleasedParameter
    name: str


@attrs.define(eq=False)
class Released:
    """The parameters of one swapped module that were let go.

    Attributes:
        places: where they stood.
        load: reads them again, or None if there is no checkpoint.
    """

    places: list[Place]
    load: Load | None = None
    _users: int = 0
    _brought: Sequence[Place] = ()

    def bring(self) -> list[Place]:
        """Put real parameters where placeholders stand.

        Returns:
            These places; somebody may have put parameters of their own into others.

        Raises:
            ReleasedWeightsError: without a checkpoint.
        """
        empty = [p for p in self.places if p.holder.get(p.key) is p.placeholder]
        if empty and self.load is None:
            raise ReleasedWeightsError(
                f"{empty[0].name} was let go (release_torch_weights=True), and no checkpoint is "
                "known to read it from again. Give accelerate a checkpoint=..., or load the model "
                "anew."
            )
        loaded = []
        for place in empty:
            assert self.load is not None
            value = self.load(place.name).to(place.placeholder.dtype)
            loaded.append(nn.Parameter(value, requires_grad=False))
        for place, parameter in zip(empty, loaded, strict=True):
            place.holder[place.key] = parameter
        return empty

    def drop(self, places: Iterable[Place]) -> None:
        """Let go of the parameters in these places."""
        for place in places:
            place.holder[place.key] = place.placeholder

    @contextlib.contextmanager
    def values(self) -> Iterator[None]:
        """Real parameters within, none after it."""
        if not self._users:
            self._brought = self.bring()
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self.drop(self._brought)


def torch_values(module: TTNNModule) -> contextlib.AbstractContextManager[None]:
    """Within it, the torch layer of a swapped module has its values.

    Raises:
        ReleasedWeightsError: if they were let go and can't be read again.
    """
    released = module._symbiote.released
    return contextlib.nullcontext() if released is None else released.values()
