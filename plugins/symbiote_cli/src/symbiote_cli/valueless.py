"""Large weights without values, which take no memory: no page of theirs is ever written to."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

LARGE = 2**20
"""Bytes from which a tensor that is made empty stays so."""

_EMPTY = frozenset(
    {
        torch.ops.aten.empty.memory_format,
        torch.ops.aten.empty_like.default,
        torch.ops.aten.empty_strided.default,
        torch.ops.aten.new_empty.default,
        torch.ops.aten.new_empty_strided.default,
    }
)
_COPIES = frozenset({torch.ops.aten._to_copy.default, torch.ops.aten.clone.default})


class Valueless(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Leaves large floating-point tensors that are made empty as they are.

    What initialises them, in torch and in transformers, writes to them in place or copies them:
    neither is done. Tensors that are made with values, such as tables of positions, and all small
    ones are right.

    Attributes:
        count: how many tensors have no values.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # Held, so that no other tensor gets their memory meanwhile.
        self._empty: dict[int, torch.Tensor] = {}

    @property
    def count(self) -> int:
        """How many tensors were left without values."""
        return len(self._empty)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation, unless it would write to a tensor without values, or copy one."""
        named = kwargs or {}
        if args and self._is_empty(args[0]):
            if func in _COPIES:
                wanted = named.get("dtype") or args[0].dtype
                return self._kept(torch.empty_like(args[0], dtype=wanted))
            written = func._schema.arguments[0].alias_info
            shapes_only = torch.Tag.inplace_view in func.tags
            if written is not None and written.is_write and not shapes_only:
                return args[0]
        made = func(*args, **named)
        return self._kept(made) if func in _EMPTY else made

    def _is_empty(self, given: Any) -> bool:
        return isinstance(given, torch.Tensor) and _address(given) in self._empty

    def _kept(self, made: torch.Tensor) -> torch.Tensor:
        if made.is_floating_point() and made.untyped_storage().nbytes() >= LARGE:
            self._empty[_address(made)] = made
        return made


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
