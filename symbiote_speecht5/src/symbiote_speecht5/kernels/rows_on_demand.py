"""A tensor whose rows are computed when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from symbiote_core import TorchTTNNTensor, TTNNModule

Rows = Callable[[int, int], Any]
"""Computes the rows from one number on and before another: [B, end - start, D] on the device."""

_SLICE = torch.ops.aten.slice.Tensor


class RowsOnDemand(TorchTTNNTensor):
    """[B, T, D], of which the last row alone can be had for the price of one.

    Any other use of it computes all rows, once. Where that fails, torch computes them, visibly.
    """

    _kernel: TTNNModule
    _rows: Rows
    _instead: Callable[[], torch.Tensor]

    @classmethod
    def promise(
        cls,
        kernel: TTNNModule,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        rows: Rows,
        instead: Callable[[], torch.Tensor],
    ) -> RowsOnDemand:
        """Make one.

        Args:
            kernel: whose result it is.
            shape: [B, T, D].
            dtype: what torch is shown.
            rows: computes rows on the device.
            instead: computes all of them on torch.
        """
        make: Any = torch.Tensor._make_wrapper_subclass
        self: RowsOnDemand = make(cls, shape, dtype=dtype)
        state = kernel._symbiote
        self._runtime, self._ttnn_device = state.runtime, state.device
        self._activity = state.activity
        self._kernel, self._rows, self._instead = kernel, rows, instead
        return self

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer a slice of the last row; whatever else is asked for computes all rows."""
        if func is _SLICE and not kwargs and isinstance(args[0], RowsOnDemand):
            tensor, dim, start = (*args, 0, None)[:3]
            last = args[3] if len(args) > 3 else None
            to_the_end = last is None or last >= tensor.shape[1]
            if (dim, len(args) > 4) == (1, False) and to_the_end and start == -1:
                row = tensor._last_row()
                if row is not None:
                    return row
        return super().__torch_dispatch__(func, types, args, kwargs)

    def _last_row(self) -> TorchTTNNTensor | None:
        if self._ttnn is not None or self._host is not None:
            return None
        length = self.shape[1]
        found = self._computed(length - 1, length)
        if found is None:
            return None
        state = self._kernel._symbiote
        return TorchTTNNTensor(found, self.dtype, state.runtime, state.device, state.activity)

    def _computed(self, start: int, end: int) -> Any:
        """Rows on the device; None if they had to be computed on torch, where all are then."""
        try:
            return self._rows(start, end)
        except Exception as error:  # torch has the answer
            self._kernel.give_up(error)
            self._host = self._instead()
            return None

    def _compute(self) -> None:
        if self._ttnn is None and self._host is None:
            self._ttnn = self._computed(0, self.shape[1])

    @property
    def to_torch(self) -> torch.Tensor:
        """The values of all rows as a plain torch tensor."""
        self._compute()
        return super().to_torch

    @property
    def to_ttnn(self) -> Any:
        """The values of all rows on the device."""
        self._compute()
        return super().to_ttnn
