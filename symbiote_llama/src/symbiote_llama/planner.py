"""Making the step of a forward from where its tokens stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from symbiote_core import UnsupportedInputError
from symbiote_llama.batch import Batch, NextTokens
from symbiote_llama.cache import CachedTokens, DeviceCacheLayer
from symbiote_llama.masks import continuation_mask
from symbiote_llama.rotary import RotaryTable, half_turn
from symbiote_llama.steps import Continuation, Prompt, Rotation, Step, Token
from symbiote_ttnn import ttnn
from symbiote_ttnn.shards import MOST_ROWS, a_core_for_each_row, attention_program

MAX_SHAPES = 64
"""Batch sizes whose configurations are kept; beyond it they are made anew."""


class StepPlanner:
    """Makes the steps of a model, and keeps what they have in common on the device.

    Args:
        model: the torch model, for its configuration, its rotary module and its swapped layers.
        device: the device.
        upload: brings a tensor to it; takes a dtype and a layout.
    """

    def __init__(self, model: Any, device: Any, upload: Callable[..., Any]) -> None:
        self._model = model
        self._device = device
        self._upload = upload
        self._table = RotaryTable(model.rotary_emb, upload)
        self._turn: Any = None
        self._by_rows: dict[int, tuple[Any, Any]] = {}

    def step(
        self,
        new: Batch | NextTokens,
        layers: Sequence[DeviceCacheLayer] | None,
        cached: CachedTokens | None,
    ) -> Step:
        """The step for new tokens.

        Args:
            new: the tokens.
            layers: the cache, or None.
            cached: what its layers know in common, or None.

        Raises:
            UnsupportedInputError: for what TTNN can't do in one step; torch does it then.
        """
        if isinstance(new, NextTokens):
            assert layers is not None
            return self._token(new, layers)
        if layers is None or cached is None or not cached.seen:
            return Prompt(self._rotation(new), layers)
        return self._continuation(new, layers, cached)

    def _token(self, new: NextTokens, layers: Sequence[DeviceCacheLayer]) -> Token:
        if new.rows > MOST_ROWS:
            raise UnsupportedInputError(
                f"TTNN decodes at most {MOST_ROWS} sequences at once, not {new.rows}"
            )
        room = max(new.places) + 1
        if room > layers[0].capacity:
            for layer in layers:
                layer.room_for(room)
        where = self._row(new.places, ttnn.int32)
        program, memory = self._configurations(new.rows, int(layers[0].tt_keys.shape[3]))
        cos, sin = (
            ttnn.to_memory_config(row, memory) for row in self._angles_of_tokens(new, where)
        )
        return Token(cos, sin, where, program, layers, new.rows)

    def _row(self, numbers: list[int], dtype: Any) -> Any:
        tensor = torch.tensor(numbers, dtype=torch.int32)
        return self._upload(tensor, dtype, ttnn.ROW_MAJOR_LAYOUT)

    def _configurations(self, batch: int, head_size: int) -> tuple[Any, Any]:
        """How the attention of single tokens is run, and where their angles have to lie."""
        found = self._by_rows.get(batch)
        if found is None:
            if len(self._by_rows) >= MAX_SHAPES:
                self._by_rows.clear()
            heads = self._model.config.num_key_value_heads
            found = self._by_rows[batch] = (
                attention_program(self._device, batch, heads),
                a_core_for_each_row(self._device, batch, head_size),
            )
        return found

    def _angles_of_tokens(self, new: NextTokens, where: Any) -> list[Any]:
        """Cosines and sines, [1, B, 1, head_size]."""
        last = new.last
        if not self._table.covers(last):
            angles = self._table.angles(torch.tensor(new.positions).unsqueeze(1))
            return [self._upload(angle.transpose(0, 1).unsqueeze(0)) for angle in angles]
        if new.positions == new.places:
            at = ttnn.typecast(where, ttnn.uint32)
        else:
            at = self._row(new.positions, ttnn.uint32)
        rows = self._table.look_up(ttnn.reshape(at, (1, new.rows)), last, ttnn.ROW_MAJOR_LAYOUT)
        apart = [ttnn.reshape(row, (1, new.rows, 1, int(row.shape[-1]))) for row in rows]
        return [ttnn.to_layout(row, ttnn.TILE_LAYOUT) for row in apart]

    def _rotation(self, new: Batch) -> Rotation:
        batch, length = new.rows, new.length
        alike = new.stand_alike
        if not self._table.covers(new.last):
            positions = new.positions[:1] if alike else new.positions
            cos, sin = (self._upload(t.unsqueeze(1)) for t in self._table.angles(positions))
        elif alike:
            first = int(new.positions[0, 0])
            cos, sin = self._table.cut(first, first + length)
        else:
            at = self._upload(new.positions, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT)
            rows = self._table.look_up(at, new.last, ttnn.TILE_LAYOUT)
            cos, sin = (ttnn.reshape(r, (batch, 1, length, int(r.shape[-1]))) for r in rows)
        if alike:
            return Rotation(cos, sin)
        if self._turn is None:
            self._turn = self._upload(half_turn(int(cos.shape[-1])))
        return Rotation(cos, sin, self._turn)

    def _continuation(
        self, new: Batch, layers: Sequence[DeviceCacheLayer], cached: CachedTokens
    ) -> Continuation:
        if not cached.is_uniform or new.columns is not None:
            raise UnsupportedInputError(
                "several new tokens behind sequences of different lengths, or with padding"
            )
        before, length = cached.lengths[0], new.length
        windows = {layer.attention.layers.window for layer in self._model.layers}
        masks = {w: self._upload(continuation_mask(before, length, w)) for w in windows}
        return Continuation(self._rotation(new), layers, masks)
