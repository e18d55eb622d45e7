"""The generic policy and its kernels: for models that no policy of their own is for."""

from symbiote_ttnn.generic.attention import TTNNInterfaceAttention
from symbiote_ttnn.generic.conv1d import TTNNConv1D
from symbiote_ttnn.generic.mlp import (
    TTNNMLP,
    TTNNActivatedLinear,
    TTNNGatedMLP,
    TTNNLinearAddNorm,
)
from symbiote_ttnn.generic.norms import TTNNOffsetRMSNorm
from symbiote_ttnn.generic.policy import GENERIC

__all__ = [
    "GENERIC",
    "TTNNMLP",
    "TTNNActivatedLinear",
    "TTNNConv1D",
    "TTNNGatedMLP",
    "TTNNInterfaceAttention",
    "TTNNLinearAddNorm",
    "TTNNOffsetRMSNorm",
]
