"""Symbiote for SpeechT5: speech from text, text from speech, speech from speech.

The kernels are registered by the plugin; `accelerate(model)` finds them.
"""

from symbiote_core import hookimpl

__version__ = "0.1.0"
__all__ = ["__version__", "hookimpl"]
