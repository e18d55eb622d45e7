"""The keys and values of a decoder layer's own tokens."""

from __future__ import annotations

from typing import Any

from symbiote_ttnn.cache.layer import DeviceLayer
from symbiote_ttnn.cache.places import Places
from symbiote_ttnn.late import ttnn


class TokenLayer(DeviceLayer):
    """A `DeviceLayer` in which each row's tokens stand one behind the other, from place 0 on.

    Attributes:
        growth: how many places it has for how many tokens.
    """

    growth: Places

    @property
    def capacity(self) -> int:
        """How many tokens a row has places for."""
        return 0 if self.tt_keys is None else int(self.tt_keys.shape[2])

    def fill(self, keys: Any, values: Any) -> None:
        """Keep the keys and values of the first tokens, [B, heads, S, head_size] on the device."""
        self._keep(keys, values, self.growth.capacity_for(int(keys.shape[2])))

    def room_for(self, tokens: int) -> None:
        """Make places for ``tokens`` tokens a row."""
        if tokens > self.capacity:
            places = self.growth.capacity_for(tokens, self.capacity)
            self._keep(self.tt_keys, self.tt_values, places)

    def write(self, keys: Any, values: Any, places: Any) -> None:
        """Write one token of each row, in place.

        Args:
            keys: [1, B, heads, head_size], HEIGHT_SHARDED, a core for each row.
            values: likewise.
            places: [B] of INT32 on the device.
        """
        update = ttnn.experimental.paged_update_cache
        update(self.tt_keys, keys, update_idxs_tensor=places)
        update(self.tt_values, values, update_idxs_tensor=places)

    def append(self, keys: Any, values: Any, length: int) -> tuple[Any, Any]:
        """Put several tokens behind ``length`` that each row has.

        Returns:
            Keys and values of all tokens, [B, heads, T, head_size].
        """
        places = self.growth.capacity_for(length + int(keys.shape[2]), self.capacity)
        all_keys = _joined(self.tt_keys, keys, length)
        all_values = _joined(self.tt_values, values, length)
        self._keep(all_keys, all_values, places)
        return all_keys, all_values

    def _keep(self, keys: Any, values: Any, places: int) -> None:
        self.tt_keys, self.tt_values = _padded(keys, places), _padded(values, places)


def _padded(tensor: Any, places: int) -> Any:
    """With empty places behind those it has, ``places`` in all."""
    more = places - int(tensor.shape[2])
    return tensor if more <= 0 else ttnn.pad(tensor, [(0, 0), (0, 0), (0, more), (0, 0)], 0.0)


def _joined(past: Any, new: Any, length: int) -> Any:
    """The first ``length`` places, and new ones behind them."""
    batch, heads, capacity, size = tuple(past.shape)
    if length != capacity:
        past = ttnn.slice(past, [0, 0, 0, 0], [batch, heads, length, size])
    return ttnn.concat([past, new], dim=2)
