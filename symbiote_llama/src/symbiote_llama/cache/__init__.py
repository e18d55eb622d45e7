"""The key/value cache on the device, as the layers of a Hugging Face ``Cache``."""

from symbiote_llama.cache.adoption import adopt, tokens_on_device
from symbiote_llama.cache.layer import DeviceCacheLayer
from symbiote_llama.cache.tokens import CachedTokens

__all__ = ["CachedTokens", "DeviceCacheLayer", "adopt", "tokens_on_device"]
