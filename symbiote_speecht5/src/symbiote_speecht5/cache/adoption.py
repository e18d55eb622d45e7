"""Taking over the cache that torch code passes: in place, so that its owner keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, EncoderDecoderCache

from symbiote_speecht5.cache.layer import CrossLayer, SelfLayer
from symbiote_speecht5.cache.utterance import Utterance
from symbiote_ttnn.cache import DeviceLayer

Upload = Callable[[torch.Tensor], Any]


@attrs.frozen(eq=False)
class Adopted:
    """An ``EncoderDecoderCache`` whose layers are on the device.

    Attributes:
        own: the layers of the self-attention.
        cross: those of the cross-attention.
        utterance: what ``cross`` is of.
    """

    own: list[SelfLayer]
    cross: list[CrossLayer]
    utterance: Utterance

    @property
    def seen(self) -> int:
        """How many tokens of a sequence it holds."""
        return self.own[0].length

    @property
    def is_projected(self) -> bool:
        """Whether the encoder's states have been projected for all layers."""
        return all(layer.tt_keys is not None for layer in self.cross)


def adopt(
    cache: Any,
    count: int,
    columns: torch.Tensor,
    make_own: Callable[[], SelfLayer],
    make_cross: Callable[[Utterance, bool], CrossLayer],
    upload: Upload,
) -> Adopted | None:
    """Bring a cache to the device; the layers of its two halves become `DeviceLayer` objects.

    Keys and values of the encoder's states that torch projected are left behind: the device
    projects them again.

    Args:
        cache: what torch code passes.
        count: how many decoder layers there are.
        columns: booleans [B, T], which of the encoder's states are real.
        make_own: makes a layer of the self-attention.
        make_cross: makes one of the cross-attention; told what they share, and whether it is the
            first.
        upload: brings keys or values to the device.

    Returns:
        The layers, or None for a cache of another kind, which stays as it is.
    """
    if not isinstance(cache, EncoderDecoderCache):
        return None
    halves = cache.self_attention_cache, cache.cross_attention_cache
    if not all(isinstance(half, DynamicCache) and not half.offloading for half in halves):
        return None
    own_half, cross_half = halves
    if not _on_device(own_half.layers, count):
        taken = _uploaded(own_half.layers, count, make_own, upload)
        if taken is None:
            return None
        own_half.layers = taken
    on_device = _on_device(cross_half.layers, count)
    if not on_device or not cross_half.layers[0].utterance.covers(columns):
        utterance = Utterance(columns)
        cross_half.layers = [make_cross(utterance, index == 0) for index in range(count)]
    for index in range(count):
        cache.is_updated[index] = True
    return Adopted(own_half.layers, cross_half.layers, cross_half.layers[0].utterance)


def leave(cache: Any) -> None:
    """Bring a cache to torch, whose ``forward`` goes on with it."""
    if not isinstance(cache, EncoderDecoderCache):
        return
    for layer in cache.self_attention_cache.layers:
        if isinstance(layer, DeviceLayer):
            layer.to_torch()
    cross = cache.cross_attention_cache
    if any(isinstance(layer, CrossLayer) and layer.on_device for layer in cross.layers):
        cross.layers = [DynamicLayer() for _ in cross.layers]  # torch projects the states again
        cache.is_updated.clear()


def _on_device(layers: Any, count: int) -> bool:
    return len(layers) == count and all(
        isinstance(layer, DeviceLayer) and layer.on_device for layer in layers
    )


def _uploaded(
    layers: Any, count: int, make: Callable[[], SelfLayer], upload: Upload
) -> list[SelfLayer] | None:
    taken = [make() for _ in range(count)]
    seen = {layer.get_seq_length() for layer in layers}
    if not seen or seen == {0}:
        return taken
    if len(layers) != count or len(seen) > 1:
        return None
    if not all(type(layer) in (DynamicLayer, SelfLayer) for layer in layers):
        return None
    for new, old in zip(taken, layers, strict=True):
        new.fill(upload(old.keys), upload(old.values))
    return taken
