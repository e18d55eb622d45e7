"""The generic policy and its kernels: for models that no policy of their own is for."""

from symbiote_ttnn.generic.attention import TTNNInterfaceAttention
from symbiote_ttnn.generic.conv1d import TTNNConv1D
from symbiote_ttnn.generic.norms import TTNNOffsetRMSNorm
from symbiote_ttnn.generic.policy import GENERIC

__all__ = ["GENERIC", "TTNNConv1D", "TTNNInterfaceAttention", "TTNNOffsetRMSNorm"]
