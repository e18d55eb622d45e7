"""The key/value caches of the decoder on the device, as layers of Hugging Face's caches."""

from symbiote_speecht5.cache.adoption import Adopted, adopt, leave
from symbiote_speecht5.cache.layer import CrossLayer, SelfLayer
from symbiote_speecht5.cache.utterance import Utterance

__all__ = [
    "Adopted",
    "CrossLayer",
    "SelfLayer",
    "Utterance",
    "adopt",
    "leave",
]
