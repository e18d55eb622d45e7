"""The base class of kernels, the life of their weights and the modes they run in."""

from symbiote_core.module.chain import are_ready, through
from symbiote_core.module.entry import deallocate_weights_after
from symbiote_core.module.modes import MODES
from symbiote_core.module.state import WeightState
from symbiote_core.module.ttnn_module import TTNNModule

__all__ = [
    "MODES",
    "TTNNModule",
    "WeightState",
    "are_ready",
    "deallocate_weights_after",
    "through",
]
