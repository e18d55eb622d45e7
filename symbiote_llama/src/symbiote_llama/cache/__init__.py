"""The key/value cache on the device, as the layers of a Hugging Face ``Cache``."""

from symbiote_llama.cache.adoption import adopt
from symbiote_llama.cache.layer import DeviceCacheLayer
from symbiote_llama.cache.tokens import CachedTokens, CacheFullError

__all__ = ["CacheFullError", "CachedTokens", "DeviceCacheLayer", "adopt"]
