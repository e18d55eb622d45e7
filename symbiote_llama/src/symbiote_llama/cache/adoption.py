"""Taking over the cache that torch code passes: in place, so that its owner keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from symbiote_llama.cache.layer import DeviceCacheLayer
from symbiote_llama.cache.tokens import CachedTokens

Make = Callable[[CachedTokens, bool], DeviceCacheLayer]
Upload = Callable[[torch.Tensor], Any]


def tokens_on_device(cache: Any, count: int) -> CachedTokens | None:
    """What the layers of a cache know in common, if all ``count`` of them are on the device."""
    layers: Any = getattr(cache, "layers", ())
    if len(layers) != count or not all(map(_on_device, layers)):
        return None
    found: CachedTokens = layers[0].tokens
    return found


def adopt(
    cache: Any,
    count: int,
    columns: torch.Tensor,
    make: Make,
    upload: Upload,
    limit: int | None = None,
) -> CachedTokens | None:
    """Bring a cache to the device; its ``layers`` become `DeviceCacheLayer` objects.

    Args:
        cache: a Hugging Face ``DynamicCache``, empty or filled by torch.
        count: how many decoder layers there are.
        columns: booleans [B, T], which of the columns it holds are real tokens.
        make: makes a layer; told what the layers share, and whether it is the first.
        upload: brings keys or values to the device.
        limit: how many tokens a row can hold at most, or None to grow.

    Returns:
        What its layers know in common, or None for a cache of another kind, which stays as it is.
    """
    if not isinstance(cache, DynamicCache) or cache.offloading:
        return None
    layers = cache.layers
    if any(_on_device(layer) and layer.get_seq_length() for layer in layers):
        for layer in layers:
            if _on_device(layer):
                layer.to_torch()
    filled = cache.get_seq_length() > 0
    if filled and not (len(layers) == count and all(_is_whole(layer) for layer in layers)):
        return None
    tokens = CachedTokens(limit)
    taken = [make(tokens, index == 0) for index in range(count)]
    if filled:
        rows, length = columns.shape
        tokens.add(rows, length, None if bool(columns.all()) else columns)
        places = tokens.growth.capacity_for(max(tokens.lengths))
        for layer, old in zip(taken, layers, strict=True):
            layer.tt_keys = upload(_packed(old.keys, tokens, places))
            layer.tt_values = upload(_packed(old.values, tokens, places))
    cache.layers = taken
    return tokens


def _on_device(layer: Any) -> bool:
    return type(layer) is DeviceCacheLayer and layer.on_device


def _is_whole(layer: Any) -> bool:
    """Whether a layer on torch still has everything that it was given."""
    if type(layer) is DynamicSlidingWindowLayer:
        return bool(layer.is_initialized and layer.cumulative_length == layer.keys.shape[-2])
    return type(layer) in (DynamicLayer, DeviceCacheLayer) and layer.is_initialized


def _packed(tensor: torch.Tensor, tokens: CachedTokens, places: int) -> torch.Tensor:
    """Each row's real tokens from place 0 on: [B, KV, T, head_size] → [B, KV, places, …]."""
    batch, heads, _, size = tensor.shape
    packed = tensor.new_zeros(batch, heads, places, size)
    for row, length in enumerate(tokens.lengths):
        packed[row, :, :length] = tensor[row, :, tokens.columns[row]]
    return packed
