"""Key/value caches on the device, as layers of Hugging Face's caches. Needs transformers."""

from symbiote_ttnn.cache.layer import DeviceLayer
from symbiote_ttnn.cache.places import TILE_HEIGHT, CacheFullError, Places
from symbiote_ttnn.cache.tokens import TokenLayer

__all__ = ["TILE_HEIGHT", "CacheFullError", "DeviceLayer", "Places", "TokenLayer"]
